#!/bin/bash
# What the report says of rows that fell: by first reason, what else would have dropped them, by
# group with intervals, scores with the threshold; the same in one pass and in legs, at any number of
# threads.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
fail() { echo "losses.sh: $*"; exit 1; }

# every row of `b` and a fifth of those of `a` are too short; all short ones hold a bad word, too; three
# of `a` are too long; nothing is wrong with `c`
python3 - >rows.jsonl <<'PY'
import json
for i in range(900):
    short = i % 3 == 1 or i % 9 == 0
    text = ("bad w%d" % i if i % 2 else "bad") if short else "the word %d stands in a longer row here, said once" % i
    if i in (5, 8, 14): text = " ".join(str(i + k) for k in range(60))
    print(json.dumps({"text": text, "site": "b" if i % 3 == 1 else "c" if i % 9 == 2 else "a"}))
PY
plan() { # name, steps
	printf 'outcross: 1\nname: %s\nsources: {s: {path: rows.jsonl, origin: unknown}}\nholdout: {share: 0}\nreport: {group_by: site}\ncurate:\n%b' "$1" "$2" >"$1.yaml"
}
plan direct '  - words: {field: text, min: 4}\n  - words: {name: clean, field: text, blacklist: [bad]}\n  - words: {name: long, field: text, max: 50}\n'
plan legs '  - words: {field: text, min: 4}\n  - words: {name: clean, field: text, blacklist: [bad]}\n  - words: {name: long, field: text, max: 50}\n  - near_dup: {field: text, threshold: 1}\n'
for threads in 1 5; do
	for p in direct legs; do
		"$OUTCROSS" run $p.yaml -o $p$threads -q -j $threads >talk 2>&1 || fail "$p: $(cat talk)"
	done
done
python3 - <<'PY' || fail "the report's numbers"
import json, math
def read(run):
    return {s["step"]: s for s in json.load(open(run + "/report.json"))["stages"] if s["title"] == "What fell" or s["step"] == "all stages"}
runs = {n: read(n) for n in ("direct1", "direct5", "legs1", "legs5")}
assert all(r == runs["direct1"] for r in runs.values()), runs
s = runs["direct1"]["words"]
tables = {t["title"].split(" (")[0]: t["rows"] for t in s["tables"]}
short = [i for i in range(900) if i % 3 == 1 or i % 9 == 0]
assert tables["Rows by first reason"] == [["too_short", len(short), len(short) / 900]], tables
(clean,) = tables["Would also have fallen at"]        # all of the sample at `clean`, none at `long`
assert clean[0] == "clean" and clean[2] == 1 and 20 < clean[1] < 90, clean
def wilson(k, n, z=1.959963984540054):
    p, d = k / n, 1 + z * z / n
    h = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return [(p + z * z / (2 * n) - h) / d if k else 0, (p + z * z / (2 * n) + h) / d if k < n else 1]
want = []
for site, fell, came, flag in (("b", 300, 300, "above 1.25"), ("a", 100, 500, "")):
    want.append([site, came, fell, fell / came] + wilson(fell, came) + [fell / came / (400 / 900), flag])
rates = tables["Reject rates by site; 1 more, of which nothing fell"]
assert len(rates) == 2, tables
for got, row in zip(rates, want):
    assert got[:3] == row[:3] and all(abs(x - y) < 1e-9 for x, y in zip(got[3:7], row[3:7])) and got[7] == row[7], (got, row)
assert len(s["warnings"]) == 1 and "site = b falls 2.25 times" in s["warnings"][0], s["warnings"]
(h,) = s["histograms"]
odd = sum(i % 2 for i in short)
assert h["threshold"] == 4 and h["series"] == "rows that fell" and h["counts"][5] == odd, h
assert h["counts"][2] == 400 - odd and sum(h["counts"]) == 400, h
assert "histograms" not in runs["direct1"]["long"], runs["direct1"]["long"]          # one bar alone
(t,) = runs["direct1"]["all stages"]["tables"]
assert [r[:3] for r in t["rows"]] == [["b", 300, 300], ["a", 500, 103]] and "clean" not in runs["direct1"], t
(t,) = [t for t in runs["direct1"]["long"]["tables"] if t["title"].startswith("Reject")]
assert [r[:3] for r in t["rows"]] == [["a", 400, 3]] and t["title"].endswith("1 more, of which nothing fell"), t
PY
"$OUTCROSS" report direct1 --part stages | grep -q 'site = b falls 2.25 times as often' || fail "the terminal"
grep -q 'Would also have fallen at' direct1/report.html || fail "the page"
# The key of a draw says nothing of a row: no score, no histogram.
plan drawn '  - sample: {n: 100}\n'
"$OUTCROSS" run drawn.yaml -o drawn -q >talk 2>&1 || fail "drawn: $(cat talk)"
python3 - <<'PY' || fail "a draw's report"
import json
(s,) = [s for s in json.load(open("drawn/report.json"))["stages"] if s["step"] == "sample"]
assert "histograms" not in s and s["tables"][0]["rows"] == [["over_quota", 800, 800 / 900]], s
PY
