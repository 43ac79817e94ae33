#!/bin/bash
# Other limits from --verdicts alone count what a run with these limits drops.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
fail() { echo "retune.sh: $*"; exit 1; }

python3 - >rows.jsonl <<'PY'
import json, random
r = random.Random(4)
words = "the of and river stone light walked seven ## 12 345 ... green".split()
for i in range(2000):
    print(json.dumps({"text": " ".join(r.choice(words) for _ in range(r.randint(1, 90)))}))
PY
judge() { # options, verdicts
	"$OUTCROSS" curate rows.jsonl --do "gopher_quality: {all: true, $1}" -o /dev/null --verdicts "$2" --json -f >"$2.json" ||
		fail "curate $1"
}
judge 'min_doc_words: 50' before.jsonl
cp before.jsonl plain.jsonl && zstd -q before.jsonl -o before.jsonl.zst 2>/dev/null
judge 'min_doc_words: 20, min_alpha_words_ratio: 0.6, max_avg_word_length: 4.1' after.jsonl
limits=(--limit gopher_short_doc=20 --limit gopher_below_alpha_threshold=0.6 --limit gopher_quality/gopher_above_avg_threshold=4.1)
"$OUTCROSS" curate --retune before.jsonl "${limits[@]}" >out || fail "--retune"
[ ! -f before.jsonl.zst ] || "$OUTCROSS" verify --retune before.jsonl.zst "${limits[@]}" | cmp - out || fail ".zst"
python3 - <<'PY' || fail "$(cat out)"
import json, re
def ledger(name):
    t = json.load(open(name + ".jsonl.json"))["ledger"]
    return t["train"], {r["rule"]: r["n"] for r in t["rules"] if r["first"]}
(kept_was, was), (kept_is, now) = ledger("before"), ledger("after")
lines = open("out").read().splitlines()
assert lines[-1] == "2000 rows: %d were kept, %d would be" % (kept_was, kept_is), (lines[-1], kept_was, kept_is)
assert 0 < kept_was < kept_is < 2000
table = {l.split()[0].split("/")[1]: [int(x) for x in l.split()[-2:]] for l in lines[1:-1]}
for rule in set(was) | set(now):
    assert table[rule] == [was.get(rule, 0), now.get(rule, 0)], (rule, table, was, now)
PY

# judging that ended at the first failure leaves rows of which nothing is known
"$OUTCROSS" curate rows.jsonl --do gopher_quality -o /dev/null --verdicts short.jsonl -q || fail "curate"
"$OUTCROSS" curate --retune short.jsonl --limit gopher_short_doc=20 | grep -q 'it is not known' || fail "not known"
"$OUTCROSS" curate --retune short.jsonl | grep -q '^2000 rows: \([0-9]*\) were kept, \1 would be$' || fail "no limits"
for bad in gopher_short_doc gopher_short_doc=x gopher_shrt_doc=3 other/gopher_short_doc=3; do
	"$OUTCROSS" curate --retune short.jsonl --limit $bad 2>err && fail "$bad is taken"
	grep -q "outcross: --limit: " err || fail "$bad: $(cat err)"
done
"$OUTCROSS" curate --retune rows.jsonl 2>err && fail "rows are no verdicts"
grep -q 'is not what --verdicts' err || fail "rows: $(cat err)"
exit 0
