#!/bin/bash
# What near_dup says before it begins is what its options mean: the curve, the costs, the bytes.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
fail() { echo "$*"; exit 1; }

python3 - <<'END'
import json, random
random.seed(3)
with open("rows.jsonl", "w") as out:
    for i in range(2000):
        out.write(json.dumps({"text": " ".join("w%04d" % random.randrange(9999) for _ in range(60))}) + "\n")
END
for o in "20 6 0.7 100" "14 8 0.75 7" "1 1 0.5 3" "256 16 0.9 100"; do
	set -- $o
	cat >plan.yaml <<END
outcross: 1
sources:
  p: {path: rows.jsonl, origin: real, collected: 2021-10-01}
curate:
  - exact
  - near_dup: {bands: $1, rows: $2, threshold: $3, cap: $4}
END
	"$OUTCROSS" plan plan.yaml --json >plan.json
	"$OUTCROSS" plan plan.yaml >plan.txt
	"$OUTCROSS" index build rows.jsonl --for "near_dup:bands=$1,rows=$2" -o rows.index -f -q
	python3 - "$@" <<'END' || fail "bands $1, rows $2: $(cat plan.txt)"
import json, os, sys
b, r, t, cap = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
chance = lambda j: 1 - (1 - j**r) ** b
steps = json.load(open("plan.json"))["steps"]
assert [s["step"] for s in steps] == ["near_dup"], steps
s = steps[0]
rows = s["tables"][0]["rows"]
assert {0.5, 0.6, 0.7, 0.8, 0.9} <= {round(row[0], 6) for row in rows}
for j, p, of_a_million in rows:
    assert abs(p - chance(j)) < 1e-12 and abs(of_a_million - 1e6 * chance(j)) <= 0.5, (j, p, chance(j))
for j in (0.5, 0.6, 0.7, 0.8, 0.9):
    assert f"{chance(j):.3f} at {j}" in s["lead"], s["lead"]
half = float(s["lead"].split("a half at ")[1].rstrip("."))
assert abs(half - (1 - 0.5 ** (1 / b)) ** (1 / r)) < 0.00501
f = {x["name"]: x["value"] for x in s["figures"]}
assert abs(f["candidates among pairs at the threshold"] - chance(t)) < 1e-12
assert f["hash values of each row's n-grams"] == b * r and f["comparisons of a row, at most"] == b * cap
# The streams that it spills are what an index holds. What lies beside them is 12 bytes a band in
# the sort and 16 bytes a row; keys here have some 9 bytes, where 16 are reckoned.
held = os.path.getsize("rows.index") / 2000
said = f["on disk for each row"] - 12 * b - 16 + f["and for each of its words"] * (60 - 4)
assert abs(held - said) < 12, (held, said)
size = os.path.getsize("rows.jsonl") / 2000 - 1
all = 2000 * (f["on disk for each row"] + f["and for each of its words"] * size / 6)
assert abs(f["on disk in all, about"] - all) < 0.01 * all, (f, all)
END
done
grep -q '^near_dup: 256 bands of 16 rows' plan.txt || fail "$(cat plan.txt)"

# A job on files says it before the rows come, a run as well.
"$OUTCROSS" curate rows.jsonl --do near_dup -o out.jsonl 2>err
[ "$(grep -n 'a half at 0.57' err | cut -d: -f1)" = 1 ] || fail "curate: $(cat err)"
"$OUTCROSS" run plan.yaml 2>err >out
grep -q 'near_dup: 256 bands of 16 rows: the chance' err || fail "run: $(cat err)"
"$OUTCROSS" curate rows.jsonl --do 'near_dup: {measure: containment}' -o out.jsonl -f 2>err
grep -q 'may not become a candidate' err || fail "containment: $(cat err)"
"$OUTCROSS" curate rows.jsonl --do near_dup -o out.jsonl -f -q 2>err
[ ! -s err ] || fail "it talks although told not to: $(cat err)"
echo "forecast: the curve and the costs of near_dup, recomputed"
