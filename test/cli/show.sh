#!/bin/bash
# outcross show: every row of a run is found in exactly one place; filters by reason, step, source.
set -eu
[ -x "$B/test/llm-server" ] || { echo "no test server"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "show: $*" >&2; exit 1; }
. "$ROOT/test/generated.sh"
cd "$tmp"
generated_run 'curate: [{words: {min: 5, on: made}}, {hold: {field: answer, equals: "60"}}]
review: undecided'
R=runs/sums
"$OUTCROSS" show $R --train --test --held --rejected --unused --json >all.jsonl
python3 - <<'END'
import json
rows = [json.loads(l) for l in open("all.jsonl")]
r = json.load(open("runs/sums/report.json"))["rows"]
assert len({x["key"] for x in rows}) == len(rows) == r["in"] + r["made"], (len(rows), r)
for place in ("train", "test", "held", "rejected", "unused"):
    n = sum(x["place"] == place for x in rows)
    assert n == r[place], (place, n, r[place])
assert r["rejected"] > 0 and r["train"] > 0 and r["test"] == 6
for x in rows:
    assert x["lineage"]["key"] == x["key"]
    if x["place"] in ("train", "test"):
        line = open("runs/sums/" + x["file"]).read().splitlines()[x["line"] - 1]
        assert json.loads(line) == x["row"], x
END
n=$("$OUTCROSS" show $R --reason wrong_answer --json | wc -l)
[ "$n" -gt 0 ] && [ "$n" -eq "$(grep -c '"rule":"wrong_answer","row"' all.jsonl)" ] || fail "--reason: $n"
[ "$("$OUTCROSS" show $R --step arithmetic.math --json | wc -l)" -eq "$n" ] || fail "--step"
[ "$("$OUTCROSS" show $R --source people --json | wc -l)" -eq 54 ] || fail "--source"
[ "$("$OUTCROSS" show $R --limit 3 --json | wc -l)" -eq 3 ] || fail "--limit"
"$OUTCROSS" show $R -n 1 2>err | grep -q '^people:0  train:1  real$' || fail "text"
grep -q '1 rows; more' err || fail "$(cat err)"
rc=0; "$OUTCROSS" show "$tmp" 2>err || rc=$?
[ $rc -eq 3 ] && grep -q 'is not a run folder' err || fail "no run: $rc"
# A verdict with a score is shown with it, and with its limit.
printf 'outcross: 1\nsources: {r: {path: two.jsonl}}\ncurate: [{words: {min: 3}}]\n' >short.yaml
printf '{"text":"two words"}\n{"text":"now there are four"}\n' >two.jsonl
"$OUTCROSS" run short.yaml -q >out 2>&1 || fail "$(cat out)"
"$OUTCROSS" show runs/short --rejected 2>err | grep -q 'words/too_short: drop 2 (limit 3)$' || fail "show: no score and limit"
"$OUTCROSS" why runs/short r:0 | grep -q 'words/too_short: drop 2 (limit 3)$' || fail "why: no score and limit"
# status and report say what a folder is that holds no run, or none that has ended.
for verb in status report; do
	rc=0; "$OUTCROSS" $verb "$tmp" 2>err || rc=$?
	[ $rc -eq 3 ] && grep -q 'is not a run folder' err || fail "$verb of no run: $rc $(cat err)"
done
printf 'outcross: 1\non_bad_row: stop\nsources: {r: {path: torn.jsonl}}\n' >torn.yaml
printf '{"text":"a"}\n{"text"\n' >torn.jsonl
"$OUTCROSS" run torn.yaml -q 2>err && fail "a bad row did not stop the run"
rc=0; "$OUTCROSS" report runs/torn 2>err || rc=$?
[ $rc -eq 3 ] && grep -q 'has no report' err || fail "report of a run that failed: $rc $(cat err)"
