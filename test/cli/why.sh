#!/bin/bash
# outcross why and descendants: up to the bytes, prompts and people, down to all that came of something.
set -eu
[ -x "$B/test/llm-server" ] || { echo "no test server"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "why: $*" >&2; exit 1; }
. "$ROOT/test/generated.sh"
cd "$tmp"
generated_run 'curate: [{hold: {}}]
review: undecided'
R=runs/sums
(echo a; echo x 1; echo q) | "$OUTCROSS" review $R --by ann --finish -q >/dev/null
python3 - <<'END'
import json, os, subprocess
def outcross(*a):
    return subprocess.run([os.environ["OUTCROSS"], *a], capture_output=True, text=True)
def why(row):
    r = outcross("why", "runs/sums", row, "--json")
    assert r.returncode == 0, r.stderr
    return json.loads(r.stdout)["rows"]
rows = [json.loads(l) for l in outcross("show", "runs/sums", "--train", "--test", "--held", "--rejected", "--unused", "--json").stdout.splitlines()]
by = {x["key"]: x for x in rows}
# A real row by key, id and place: the same row, and the file still holds its bytes.
a, = why("people:3")
assert a["row"]["id"] == "s14" and a["bytes"]["same"] is True, a
assert a["bytes"]["text"] == open("real.jsonl").read().splitlines()[3]
assert why("s14")[0]["key"] == "people:3"
assert why("%s:%d" % (a["place"], a["line"]))[0]["key"] == "people:3"
# A machine-made row: its request with prompt and reply, its people, its ancestors up to real rows.
made = [x for x in rows if x["lineage"].get("parents")]
assert made, "no row has parents"
done = [x for x in rows if x["lineage"].get("review")]
assert {x["lineage"]["review"]["decision"] for x in done} == {"accept", "reject"}, done
life = why(done[0]["key"])
assert life[0]["reviews"][0]["by"] == "ann"
q = life[0]["requests"][0]
assert life[0]["row"]["answer"] in q["reply"] and q["prompt"].count(" = ") >= 3 and q["prompt_tokens"] > 0, q
assert {x["key"] for x in life[1:]} == set(life[0]["lineage"]["parents"]) | set(life[0]["lineage"].get("founders", []))
for parent in life[1:]:
    assert parent["lineage"]["origin"] == "real" and parent["bytes"]["same"], parent
    assert parent["row"]["question"].removeprefix("What is ").rstrip("?") in q["prompt"], (parent, q["prompt"])
# Down: by row, request, model, recipe and source, against a reading of all lineages.
def down(what):
    r = outcross("descendants", "runs/sums", what, "--json")
    assert r.returncode == 0, r.stderr
    return {json.loads(l)["key"] for l in r.stdout.splitlines()}
parent = life[1]["key"]
assert down(parent) == {x["key"] for x in rows if parent in x["lineage"].get("parents", []) + x["lineage"].get("founders", [])}
assert down(q["key"][:8]) == {x["key"] for x in rows if q["key"] in x["lineage"].get("requests", [])}
machine = {x["key"] for x in rows if x["lineage"]["origin"] == "synthetic"}
assert down("small") == down("arithmetic") == machine
assert down("people") == {x["key"] for x in rows if x["key"].startswith("people:") or x["lineage"].get("parents")}
test_row = next(x["key"] for x in rows if x["place"] == "test")
assert down(test_row) == set(), "a held-out row has descendants"
r = outcross("why", "runs/sums", "people:999")
assert r.returncode == 2 and "no row of" in r.stderr, r
assert outcross("descendants", "runs/sums", "nobody").returncode == 2
# The source changed since: said, not hidden.
text = open("real.jsonl").read()
open("real.jsonl", "w").write(text.replace("What is 14", "Whet is 14"))
assert why("people:3")[0]["bytes"]["same"] is False
open("real.jsonl", "w").write("")
assert "shorter" in why("people:3")[0]["bytes"]["note"]
END
"$OUTCROSS" why $R people:3 | grep -q '^  origin    real, depth 0$' || fail "text"
