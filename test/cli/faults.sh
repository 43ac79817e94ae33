#!/bin/bash
# Disk full and I/O errors at every write, fsync, rename, open and mkdir of a run: exit 4, one
# sentence, nothing half-written under its final name, and the same command then ends as it would
# have. FAULTS=all tries each call; the everyday set a sample of them.
. "$ROOT/test/runs.sh"
[ "$(basename "$(dirname "$B/x")")" != asan ] && [ "$(basename "$(dirname "$B/x")")" != tsan ] || { echo "a preloaded library and a sanitizer do not go together"; exit 77; }
mkdir "$tmp/plans" && cd "$tmp/plans"
cp -r "$ROOT/plans/data" .
serve_plans 0
cat >small.yaml <<'END'
outcross: 1
models: {writer: {type: openai, base_env: SUMS_BASE, model: writer}}
sources:
  rows: {path: data/rows.jsonl, origin: real, attest: made, license: CC0-1.0}
  sums: {path: data/sums.jsonl, origin: real, attest: made, license: CC0-1.0}
holdout: {share: 0.1, min: 5, by: cluster}
generate: [arithmetic: {model: writer, seeds: [sums], rows: 20, round: 16}]
curate: [near_dup, exact]
output: {columns: [text, question, answer]}
END
"$OUTCROSS" run small.yaml -q >out 2>err || fail "$(cat err)"
mv runs/small "$tmp/whole"
fault() { # call, at, errno, lasts
	FAULT_CALL=$1 FAULT_AT=$2 FAULT_ERRNO=$3 FAULT_LASTS=$4 FAULT_UNDER=$PWD/ \
		LD_PRELOAD=$B/test/faults.so "$OUTCROSS" run small.yaml -q >"$tmp/out" 2>"$tmp/err"
}
whole_files() { # every file with a final name can be read to its end
	local f
	for f in $(find runs -name '*.zst' 2>/dev/null); do zstd -qt "$f" 2>/dev/null || { echo "$f"; return 1; }; done
	for f in $(find runs -name '*.json' 2>/dev/null); do python3 -m json.tool "$f" >/dev/null || { echo "$f"; return 1; }; done
	for f in $(find runs -path '*/out/data/*.jsonl' 2>/dev/null); do cmp "$f" "$tmp/whole/${f#runs/small/}" || return 1; done
}
tried=0 struck=0
for call in write fsync rename open mkdir; do
	rm -rf runs .outcross
	FAULT_COUNT=$tmp/count FAULT_CALL=$call FAULT_UNDER=$PWD/ LD_PRELOAD=$B/test/faults.so \
		"$OUTCROSS" run small.yaml -q >out 2>err || fail "counting: $(cat err)"
	same_run "$tmp/whole" runs/small || fail "the shim changes the result"
	n=$(cat "$tmp/count")
	[ "$n" -gt 2 ] || fail "$call: only $n calls"
	step=1
	[ "${FAULTS:-}" = all ] || step=$((n / 7 + 1))
	for ((at = 1; at <= n; at += step)); do
		kinds=('28 1' '5 0')
		[ "${FAULTS:-}" = all ] || kinds=("${kinds[(at / step) % 2]}")
		for kind in "${kinds[@]}"; do
			rm -rf runs .outcross
			rc=0; fault $call $at $kind || rc=$?
			tried=$((tried + 1))
			what="$call $at of $n, errno $kind"
			# One failed call may be one that nobody needs (a hint, a second try).
			if [ $rc -ne 0 ]; then
				struck=$((struck + 1))
				[ $rc -eq 4 ] || fail "$what: exit $rc: $(cat "$tmp/err")"
				[ "$(grep -vc '^warning' "$tmp/err")" -eq 1 ] || fail "$what: $(cat "$tmp/err")"
				whole_files || fail "$what: half a file"
				"$OUTCROSS" run small.yaml -q >out 2>err || fail "$what, then again: exit $? $(cat err)"
			fi
			[ ! -e runs/small-2 ] || fail "$what: a second run"
			same_run "$tmp/whole" runs/small || fail "$what: another result"
			check ledger runs/small || fail "$what: ledger"
		done
	done
done
echo "$tried faults, $struck of them ended a run"
[ "$struck" -gt $((tried / 3)) ]
