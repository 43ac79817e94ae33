#!/bin/bash
# A folder whose name is a pattern ("runs [old]"): its files are found, the ledger remembers, what is
# replayed or handed on is the same as elsewhere.
. "$ROOT/test/runs.sh"
odd="$tmp/odd [x] *?"
cp -r "$ROOT/plans" "$tmp/plans"
serve_plans
cd "$tmp/plans"
mv data/sums.jsonl "data/sums [1].jsonl"
sed -i 's/path: data.sums.jsonl/path: "data\/sums [1].jsonl"/' sums.yaml
cp -r . "$odd"
"$OUTCROSS" run "$PWD/sums.yaml" -q >out 2>err || fail "$(cat err)"
cd "$odd"
sed -i 's/^sources:/budget: {requests: 60}\nsources:/' sums.yaml
: >"$tmp/sums.ledger"
for _ in 1 2; do
	rc=0; "$OUTCROSS" run "$PWD/sums.yaml" -q >out 2>err || rc=$?
	[ $rc -eq 1 ] && [ "$(asked "$tmp/sums.ledger")" -eq 60 ] || fail "the cap: exit $rc, $(asked "$tmp/sums.ledger") asked: $(cat err)"
done
sed -i '/^budget/d' sums.yaml
"$OUTCROSS" run "$PWD/sums.yaml" -q >out 2>err || fail "$(cat err)"
[ ! -e runs/sums-2 ] || fail "it was taken for another run"
same_run runs/sums "$tmp/plans/runs/sums" || fail "the run differs"
python3 - runs/sums "$tmp/plans/runs/sums" <<'END' || fail "report.json"
import json, sys
one, other = [json.load(open(d + "/report.json")) for d in sys.argv[1:]]
assert one["fallen"] == other["fallen"] and len(one["fallen"]) > 0, one["fallen"]
assert [f["path"] for f in one["files"]] == [f["path"] for f in other["files"]] != [], one["files"]
END
: >"$tmp/sums.ledger"
"$OUTCROSS" run "$PWD/sums.yaml" -q -o "$PWD/again" --offline >out 2>err || fail "offline: $(cat err)"
same_run runs/sums again || fail "the replay differs"
"$OUTCROSS" export "$PWD/runs/sums" -o rows.jsonl -q 2>err || fail "export: $(cat err)"
cmp rows.jsonl runs/sums/out/data/train-* || fail "the export differs"
"$OUTCROSS" plan "$PWD/sums.yaml" --trial 2 >out 2>err && grep -q '2 rows made, . kept' out || fail "trial: $(cat out err)"
"$OUTCROSS" retract "$PWD/runs/sums" sums:1 -o "$PWD/less" -q >out 2>err || fail "retract: $(cat err)"
"$OUTCROSS" why "$PWD/less" sums:1 >out 2>err || fail "why: $(cat err)"
[ "$(asked "$tmp/sums.ledger")" -eq 0 ] || fail "asked again"
