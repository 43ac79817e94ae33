#!/usr/bin/env bash
# `outcross train perplexity` against an implementation of the formulas in Python, and the stage
# that uses the model.
set -eu
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
fail() { echo "FAIL: $*"; exit 1; }
cd "$t"

command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }

# Words with unequal chances; some sentences come again and again.
python3 - <<'PY'
import json, random
random.seed(5)
def line(n):
    return " ".join("w%d" % int(n * random.random() ** 3) for _ in range(random.randint(1, 14)))
often = [line(60) for _ in range(20)]
texts = [random.choice(often) if random.random() < .2 else line(400) for _ in range(3000)]
tests = [random.choice(often) if random.random() < .2 else line(420) for _ in range(300)]
for name, rows in (("train", texts), ("test", tests)):
    with open(name + ".txt", "w") as f:
        f.write("".join(r + "\n" for r in rows))
    with open(name + ".jsonl", "w") as f:
        f.write("".join(json.dumps({"id": i, "body": r}) + "\n" for i, r in enumerate(rows)))
PY

for order in 2 3 5; do
	"$OUTCROSS" train perplexity train.jsonl --order $order --field body -o m$order -q
	"$OUTCROSS" curate test.jsonl --do "perplexity: {model: m$order, field: body}" \
		-o out.jsonl --verdicts v.jsonl -q -f
	cmp -s test.jsonl out.jsonl || fail "rows that were only scored changed"
	python3 "$ROOT/test/kn_oracle.py" $order train.txt test.txt >want
	python3 - v.jsonl want <<'PY' || fail "order $order: not what the formulas say"
import json, sys
want = [line.split() for line in open(sys.argv[2])]
got = []
for line in open(sys.argv[1]):
    v = json.loads(line)
    if "scores" in v:
        got.append({"score": v["scores"]["perplexity"], "evidence": v["evidence"][0]["what"]})
assert len(got) == len(want) > 0, (len(got), len(want))
worst = max(abs(g["evidence"]["log10"] - float(w[0])) for g, w in zip(got, want))
assert worst < 1e-4, worst
for g, w in zip(got, want):
    e = g["evidence"]
    assert e["unknown"] == int(w[1]), (g, w)
    assert abs(g["score"] - 10 ** (-e["log10"] / e["tokens"])) < 1e-6 * g["score"]
PY
done

# An ARPA file serves as well, packed too; limits drop; buckets are written.
"$OUTCROSS" train perplexity train.jsonl --field body --arpa -o m.arpa -q
gzip -k m.arpa
"$OUTCROSS" curate test.jsonl --do 'perplexity: {model: m5, field: body, max: 250}' -o a -q
"$OUTCROSS" curate test.jsonl --do 'perplexity: {model: m.arpa.gz, field: body, max: 250}' -o b \
	--rejected r.jsonl -q
cmp -s a b || fail "the ARPA file decides otherwise than the model file"
[ "$(cat b r.jsonl | wc -l)" = 300 ] && [ -s b ] && [ -s r.jsonl ] || fail "no row fell, or all"
grep -q '"rule":"too_high"' r.jsonl || fail "no reason"
"$OUTCROSS" curate test.jsonl \
	--do 'perplexity: {model: m5, field: body, head: 150, tail: 300, bucket: quality}' -o c -q
for b in head middle tail; do
	grep -q "\"quality\":\"$b\"" c || fail "no row in bucket $b"
done

# The same file at any number of threads; an interrupted or wrong line leaves nothing behind.
"$OUTCROSS" train perplexity train.jsonl --field body -o m5b -q -j 1
cmp -s m5 m5b || fail "the model depends on the number of threads"
out=$("$OUTCROSS" curate test.jsonl --do 'perplexity: {model: none.kn}' -o d 2>&1) && fail "no model"
[[ $out == *"outcross train perplexity FILE... -o"* ]] || fail "it does not say how: $out"
"$OUTCROSS" train perplexity train.jsonl -o m5 -q 2>/dev/null && fail "it overwrote a model"
"$OUTCROSS" train perplexity train.jsonl --field nowhere -o e -q 2>/dev/null && fail "no text"
"$OUTCROSS" train perplexity train.jsonl --order 99 -o e -q 2>/dev/null && fail "order 99"
"$OUTCROSS" train nothing train.jsonl -o e -q 2>/dev/null && fail "trained nothing"
[ ! -e e ] && ! ls -d e.* >/dev/null 2>&1 || fail "something was left behind"
json=$("$OUTCROSS" train perplexity train.jsonl --field body -o f --json 2>/dev/null)
[[ $json == *'"trained":"perplexity"'*'"discounts":[['* ]] || fail "--json says: $json"
echo ok
