#!/bin/bash
# outcross retract: nothing of what is named is left, everything else is, nothing is asked again.
set -eu
[ -x "$B/test/llm-server" ] || { echo "no test server"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "retract: $*" >&2; exit 1; }
. "$ROOT/test/generated.sh"
cd "$tmp"
# A copy of row 3 under another name loses against it, and comes back when it leaves.
echo '{"id": "twin", "question": "What is 14 + 6?", "answer": "20"}' >web.jsonl
MORE_SOURCES='web: {type: jsonl, path: web.jsonl, origin: synthetic, license: MIT}'
generated_run 'curate: [{exact: {fields: [question]}}, {hold: {field: answer, equals: "60"}}]
review: undecided'
R=runs/sums
yes a | head -40 | "$OUTCROSS" review $R --by ann --finish -q >/dev/null 2>&1 || true
grep -q '"people:3"' $R/out/lineage/train-* || { echo "people:3 is held out; choose another row"; exit 1; }
sum=$(cat $R/out/*/*.jsonl | md5sum)
"$OUTCROSS" retract $R people:3 -o without -q >out 2>err || fail "$(cat err)"
[ "$sum" = "$(cat $R/out/*/*.jsonl | md5sum)" ] || fail "the old run changed"
python3 - <<'END'
import json, os, subprocess
def rows(run):
    r = subprocess.run([os.environ["OUTCROSS"], "show", run, "--train", "--test", "--held", "--rejected", "--unused", "--json"], capture_output=True, text=True)
    assert r.returncode == 0, r.stderr
    return {x["key"]: x for x in map(json.loads, r.stdout.splitlines())}
old, new = rows("runs/sums"), rows("without")
assert set(old) == set(new), "the round was replayed differently"
down = {k for k, x in old.items() if k == "people:3" or "people:3" in x["lineage"].get("parents", []) + x["lineage"].get("founders", [])}
assert len(down) > 3
for k in down:
    assert new[k]["place"] == ("rejected" if old[k]["place"] != "unused" else "unused"), (k, new[k]["place"])
assert all(new[k]["rule"] == "retracted" for k in down if old[k]["place"] in ("train", "test", "held"))
back = {k for k in old if k not in down and new[k]["place"] != old[k]["place"]}
assert "web:0" in back and new["web:0"]["place"] == "train" and old["web:0"]["rule"] == "duplicate", (back, old["web:0"])
for k in back: assert old[k]["place"] == "rejected", (k, old[k], new[k])
for k in set(old) - down - back: assert old[k]["row"] == new[k]["row"]
f = json.load(open("without/report.json"))
assert f["spend"]["sent"] == 0 and f["retract"]["what"] == "people:3" and f["retract"]["keys"] == len(down), f["retract"]
assert f["steps"][-1]["went"] == f["rows"]["train"] and any(s["name"] == "retract" for s in f["steps"])
END
# The same again continues; something else into the same folder does not.
"$OUTCROSS" retract $R people:3 -o without -q >/dev/null || fail "again"
rc=0; "$OUTCROSS" retract $R people:4 -o without -q 2>err || rc=$?
[ $rc -eq 2 ] && grep -q 'left out something else' err || fail "another: $rc $(cat err)"
rc=0; "$OUTCROSS" retract $R people:4 2>err || rc=$?
[ $rc -eq 2 ] && grep -q -- '-o FOLDER' err || fail "no -o: $rc"
# A whole model: only real rows stay.
"$OUTCROSS" retract $R small -o human -q >/dev/null
! grep -h '"model"' human/out/lineage/* || fail "rows of the model are left"
# Changed inputs cannot be replayed.
echo '{"question": "new", "answer": "1"}' >>real.jsonl
rc=0; "$OUTCROSS" retract $R people:4 -o third 2>err || rc=$?
[ $rc -eq 3 ] && grep -q 'changed since' err || fail "changed inputs: $rc $(cat err)"
# A held-out row of a plan without any stage.
head -50 real.jsonl >plain.jsonl
printf 'outcross: 1\nname: plain\nsources: {s: {type: jsonl, path: plain.jsonl, origin: real, collected: 2020}}\nholdout: {min: 10, share: 0.2}\n' >plain.yaml
"$OUTCROSS" run plain.yaml -q >/dev/null
[ "$(cat runs/plain/out/data/test-* | wc -l)" -eq 10 ] || fail "no test split without stages"
row=$(head -1 runs/plain/out/lineage/test-* | python3 -c 'import json,sys; print(json.loads(sys.stdin.readline())["key"])')
"$OUTCROSS" retract runs/plain "$row" -o less -q >/dev/null
[ "$(cat less/out/data/test-* | wc -l)" -eq 9 ] && [ "$(cat less/out/data/train-* | wc -l)" -eq 40 ] || fail "a held-out row"
