#!/bin/bash
# Disk full and I/O errors at every write, fsync, rename, open and mkdir of a run: exit 4, one
# sentence, nothing half-written under its final name, and the same command then ends as it would
# have. FAULTS=all tries each call; the everyday set a sample of them.
. "$ROOT/test/runs.sh"
. "$ROOT/test/whole.sh"
no_sanitizer
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
tried=0 struck=0
for call in write fsync rename open mkdir; do
	rm -rf runs .outcross
	n=$(calls_of $call "$OUTCROSS" run small.yaml -q) || exit 1
	same_run "$tmp/whole" runs/small || fail "the shim changes the result"
	[ "$n" -gt 2 ] || fail "$call: only $n calls"
	step=1
	[ "${FAULTS:-}" = all ] || step=$((n / 7 + 1))
	for ((at = 1; at <= n; at += step)); do
		kinds=('28 1' '5 0')
		[ "${FAULTS:-}" = all ] || kinds=("${kinds[(at / step) % 2]}")
		for kind in "${kinds[@]}"; do
			rm -rf runs .outcross
			rc=0; faulty $call $at $kind 0 "$OUTCROSS" run small.yaml -q || rc=$?
			tried=$((tried + 1))
			what="$call $at of $n, errno $kind"
			# One failed call may be one that nobody needs (a hint, a second try).
			if [ $rc -ne 0 ]; then
				struck=$((struck + 1))
				[ $rc -eq 4 ] || fail "$what: exit $rc: $(cat "$tmp/err")"
				[ "$(grep -vc '^warning' "$tmp/err")" -eq 1 ] || fail "$what: $(cat "$tmp/err")"
				whole_files runs/small "$tmp/whole" || fail "$what: half a file"
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
