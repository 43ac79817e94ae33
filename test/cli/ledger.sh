#!/bin/bash
# Every plan in plans/: in + made + repeated = out + held + rejected + merged + unused, counted from
# the files; every row in exactly one place; the lineage's hashes are those of the rows.
. "$ROOT/test/runs.sh"
cp -r "$ROOT/plans" "$tmp/plans"
cd "$tmp/plans"
serve_plans
for name in $(plans); do
	"$OUTCROSS" run "$name.yaml" -q >out 2>err || fail "$name: exit $? $(cat err)"
	check ledger "runs/$name" || fail "$name"
	[ -s "runs/$name/out/data/train-00000-of-00001.jsonl" ] || fail "$name: nothing came out"
	[ ! -e "runs/$name/work" ] || fail "$name: work is left"
done
# Each reply that was paid for was used: asked = replied, none twice.
grep '^ask' "$tmp/sums.ledger" | sort | uniq -d | grep . && fail "asked twice"
python3 - <<'END'
import json
rows = [json.loads(l) for l in open("runs/again/out/lineage/train-00000-of-00001.jsonl")]
deep = [r for r in rows if r.get("recipe") == "arithmetic" and r["key"].startswith("arithmetic:")]
assert deep, "again.yaml made nothing"
# Rows made without a seed (from the recipe's own examples) have no parents and are one deep.
assert all(str(r["depth"]).lstrip(">=") >= "2" for r in deep if any(p.startswith("earlier") and int(p[8:]) > 83 for p in r.get("parents", []))), "depth"
deep = [r for r in deep if "founders" in r]
assert deep
assert all(f.startswith("earlier/sums:") for r in deep for f in r["founders"]), deep[0]
founders = {f for r in rows for f in r.get("founders", [])}
assert len(founders) <= 84, len(founders)  # 90 sums, at least 6 of them held out
assert any(r["origin"] == "real" for r in rows)
mixed = json.load(open("runs/mixed/status.json"))["rows"]
assert mixed["repeated"] > 0, mixed
rows = json.load(open("runs/filters/status.json"))["rows"]
assert rows["rejected"].get("read.bad_json") == 2, rows
assert rows["rejected"].get("exact.duplicate") == 2 and rows["merged"] + rows["rejected"].get("near_dup.near_duplicate", 0) == 1, rows
END
