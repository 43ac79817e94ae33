#!/bin/bash
# A full disk and I/O errors at the writes of stages that see all rows: what they observed, sort,
# and lay down between passes. Exit 4 and one sentence; a run goes on with the same command, a job
# on files leaves nothing behind, and both end with the bytes of one that met no fault.
# FAULTS=all tries every call; the everyday set a few of each stage.
. "$ROOT/test/runs.sh"
. "$ROOT/test/whole.sh"
no_sanitizer
mkdir "$tmp/rows" && cd "$tmp/rows"
whole_rows 1500
tried=0 struck=0
says() { # WHAT RC
	[ "$2" -eq 4 ] || fail "$1: exit $2: $(cat "$tmp/err")"
	[ "$(grep -vc '^warning' "$tmp/err")" -eq 1 ] || fail "$1: $(cat "$tmp/err")"
}
each_fault() { # CALL CALLS SAMPLE FUNCTION: FUNCTION CALL AT ERRNO LASTS
	local call=$1 calls=$2 sample=$3 try=$4 at step=1 kind k=0
	[ "${FAULTS:-}" = all ] || step=$((calls / sample + 1))
	for ((at = 1 + (step - 1) / 2; at <= calls; at += step, k++)); do
		local kinds=('28 1' '5 0')
		[ "${FAULTS:-}" = all ] || kinds=("${kinds[k % 2]}")
		for kind in "${kinds[@]}"; do
			tried=$((tried + 1))
			$try "$call" "$at" ${kind}
		done
	done
}
try_job() {
	local rc=0 what="$name: $1 $2, errno $3"
	rm -rf job && mkdir job
	faulty "$1" "$2" "$3" "$4" 0 "${job[@]}" || rc=$?
	if [ $rc -ne 0 ]; then
		struck=$((struck + 1))
		says "$what" $rc
		whole_left job "$tmp/job" || fail "$what: half a file"
		[ -z "$(ls -A job | grep -vx 'rejected.jsonl.zst')" ] || fail "$what: left $(ls -A job)"
		"${job[@]}" >"$tmp/out" 2>"$tmp/err" || fail "$what, then again: $(cat "$tmp/err")"
	fi
	whole_same job "$tmp/job" || fail "$what: another result"
}
for stage in "${whole_stages[@]}"; do
	name=$stage
	rm -rf job "$tmp/job" && mkdir job
	whole_job job "$stage"
	writes=$(calls_of write "${job[@]}") || exit 1
	mv job "$tmp/job"
	[ "$writes" -ge 3 ] || fail "$stage: only $writes writes"
	each_fault write "$writes" 3 try_job
done
try_run() {
	local rc=0 what="run: $1 $2, errno $3"
	rm -rf runs
	faulty "$1" "$2" "$3" "$4" 0 "$OUTCROSS" run all.yaml -q || rc=$?
	if [ $rc -ne 0 ]; then
		struck=$((struck + 1))
		says "$what" $rc
		whole_files runs/all "$tmp/whole" || fail "$what: half a file"
		"$OUTCROSS" run all.yaml -q >out 2>err || fail "$what, then again: exit $? $(cat err)"
	fi
	[ ! -e runs/all-2 ] || fail "$what: a second run"
	same_run "$tmp/whole" runs/all || fail "$what: another result"
	check ledger runs/all || fail "$what: ledger"
}
whole_plan all "${whole_stages[@]}"
"$OUTCROSS" run all.yaml -q >out 2>err || fail "$(cat err)"
mv runs/all "$tmp/whole"
for call in write fsync; do
	rm -rf runs
	calls=$(calls_of $call "$OUTCROSS" run all.yaml -q) || exit 1
	each_fault $call "$calls" 5 try_run
done
echo "$tried faults, $struck of them ended a run or a job"
[ "$struck" -gt $((tried / 3)) ]
