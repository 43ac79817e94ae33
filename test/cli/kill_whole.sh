#!/bin/bash
# kill -9 in the middle of each stage that sees all rows: as it looks, as it resolves, as it decides.
# A run goes on and ends with the bytes of one that was left alone; a job on files begins anew, over
# what the dead one left, and sweeps it away. Nothing half-written has a final name at any time.
# KILLS=20: so many kills of each kind and stage instead of one.
. "$ROOT/test/runs.sh"
. "$ROOT/test/whole.sh"
no_sanitizer
mkdir "$tmp/rows" && cd "$tmp/rows"
whole_rows 1500
n=${KILLS:-1} killed=0 ran=0
RANDOM=7
random() { echo $((1 + (RANDOM * 32768 + RANDOM) % $1)); }

run_killed() { # PLAN, calls, microseconds
	local plan=$1 i rc at
	for ((i = 0; i < 2 * n; i++)); do
		rm -rf runs
		rc=0
		if [ $((i % 2)) -eq 0 ]; then
			at="call $(random "$2")"
			{ faulty any "${at#call }" 0 0 1 "$OUTCROSS" run "$plan.yaml" -q; } 2>/dev/null || rc=$?
		else
			at="after $(random "$3")"
			killed_after "${at#after }" run "$plan.yaml" -q || rc=$?
		fi
		ran=$((ran + 1))
		if [ $rc -eq 137 ]; then
			killed=$((killed + 1))
			whole_files "runs/$plan" "$tmp/whole-$plan" || fail "$plan, $at: half a file"
			"$OUTCROSS" run "$plan.yaml" -q >out 2>err || fail "$plan, $at, then again: exit $? $(cat err)"
		fi
		[ $rc -eq 137 ] || [ $rc -eq 0 ] || fail "$plan, $at: exit $rc $(cat "$tmp/err" err)"
		same_run "$tmp/whole-$plan" "runs/$plan" || fail "$plan, $at: another result"
		check ledger "runs/$plan" || fail "$plan, $at: ledger"
		[ ! -e "runs/$plan/work" ] || fail "$plan, $at: work is left"
	done
}
job_killed() { # NAME, calls
	local i rc at
	for ((i = 0; i < n; i++)); do
		rm -rf job && mkdir job
		at=$(random "$2") rc=0
		{ faulty any "$at" 0 0 1 "${job[@]}"; } 2>/dev/null || rc=$?
		ran=$((ran + 1))
		[ $rc -ne 137 ] || killed=$((killed + 1))
		whole_left job "$tmp/job-$1" || fail "job $1, call $at: left behind"
		"${job[@]}" >"$tmp/out" 2>"$tmp/err" || fail "job $1, call $at, then again: $(cat "$tmp/err")"
		whole_same job "$tmp/job-$1" || fail "job $1, call $at: another result"
	done
}
one() { # PLAN STAGE...
	local plan=$1 calls t0 took; shift
	whole_plan "$plan" "$@"
	rm -rf runs
	calls=$(calls_of any "$OUTCROSS" run "$plan.yaml" -q) || exit 1
	rm -rf runs
	t0=$(date +%s%N)
	"$OUTCROSS" run "$plan.yaml" -q >out 2>err || fail "$plan: $(cat err)"
	took=$((($(date +%s%N) - t0) / 1000))
	mv "runs/$plan" "$tmp/whole-$plan"
	run_killed "$plan" "$calls" "$took"
}
for i in "${!whole_stages[@]}"; do
	stage=${whole_stages[$i]}
	one "one$i" "$stage"
	rm -rf job && mkdir job
	whole_job job "$stage"
	calls=$(calls_of any "${job[@]}") || exit 1
	[ -s job/out.jsonl ] || fail "$stage: nothing stays"
	mv job "$tmp/job-$i"
	job_killed "$i" "$calls"
done
one all "${whole_stages[@]}"
echo "$ran runs and jobs, $killed kills"
[ "$killed" -ge $((ran / 2)) ]
