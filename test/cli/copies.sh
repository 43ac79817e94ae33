#!/bin/bash
# copies and decontaminate on files: what was copied, from where, and what a benchmark holds.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
fail() { echo "copies.sh: $*"; exit 1; }

quote='the quick brown fox jumps over the lazy dog again and again until it is very tired indeed'
printf '%s\n' "{\"text\":\"People: $quote, they say.\"}" '{"text":"Another row of people."}' >people.jsonl
printf '%s\n' "{\"text\":\"Machines: ${quote/fox /fox   } or not.\"}" '{"text":"A row of its own."}' >made.jsonl
origin=(--origin people=real --origin made=synthetic)

"$OUTCROSS" curate people.jsonl made.jsonl "${origin[@]}" --do 'copies: {max_span: 60, action: drop}' \
	-o out.jsonl --rejected r.jsonl 2>talk || fail "copies: $(cat talk)"
[ "$(wc -l <out.jsonl)" -eq 3 ] || fail "kept rows: $(cat out.jsonl)"
grep -q 'copies/span 1' talk || fail "summary: $(cat talk)"
grep -q '1 of 2 synthetic rows (50.0 %) share a run' talk || fail "lead: $(cat talk)"
python3 - "$quote" <<'PY' || fail "evidence"
import json, sys
row = json.loads(open("r.jsonl").readline())
e = [v for v in row["lineage"]["verdicts"] if v["rule"] == "span"][0]["evidence"]
texts = [json.loads(l)["text"].encode() for f in ("people.jsonl", "made.jsonl") for l in open(f)]
assert e["key"] == "people:0", e
spans = [texts[i][at:at + n].decode().split() for i, (at, n) in ((0, e["at"]), (2, e["row_at"]))]
assert spans[0] == spans[1] == [":"] + sys.argv[1].split(), (spans, e)
PY

# the same bytes whatever the number of threads
for threads in 1 2 5; do
	"$OUTCROSS" curate people.jsonl made.jsonl "${origin[@]}" --threads "$threads" \
		--do 'copies: {max_span: 60, action: cut, field: text}' -o t$threads.jsonl 2>talk ||
		fail "threads: $(cat talk)"
	cmp t1.jsonl t$threads.jsonl || fail "$threads threads write other bytes"
done
grep -q '"Machines or not."' t1.jsonl || fail "cut: $(cat t1.jsonl)"

# an index stands for the real rows: the same spans, sources and places as in the set and as in a file
python3 - <<'PY'
import json, random
random.seed(11)
words = ["".join(random.choices("abcdefgh\u00e9\u3042", k=random.randint(2, 9))) for _ in range(3000)]
def text(n): return "".join(w + random.choice([" ", " ", " ", "\n", "  \t"]) for w in random.choices(words, k=n))
real = [text(random.randint(0, 120)) for _ in range(400)]
real += [real[k][:300] + text(10) for k in range(0, 400, 7)]
with open("real.jsonl", "w") as f:
    for i, t in enumerate(real):
        print(json.dumps({"id": i, "text": t}), file=f)
with open("new.jsonl", "w") as f:
    for i in range(300):
        a, b = random.choice(real), random.choice(real)
        t = text(20) + " " + a[len(a) // 3:][:random.randint(0, 200)] + " " + text(20) + b[:random.randint(0, 150)]
        print(json.dumps({"text": t}), file=f)
PY
head -n 200 real.jsonl >a.jsonl
tail -n +201 real.jsonl >b.jsonl
"$OUTCROSS" index build real.jsonl --for copies -o r.index -q 2>talk && fail "rows of unknown origin were indexed"
grep -q -e '--origin' talk || fail "does not say how: $(cat talk)"
"$OUTCROSS" index build real.jsonl --origin real=real --for copies -o r.index -q || fail "index build"
"$OUTCROSS" index build a.jsonl --origin a=real --for copies -o a.index -q || fail "index build a"
"$OUTCROSS" index build b.jsonl --origin b=real --for 'copies: {against: [a.index]}' -o ab.index -q || fail "index build b"
run() { # NAME FILES...: all verdicts of the new rows
	local name=$1 with=$2
	shift 2
	"$OUTCROSS" curate "$@" new.jsonl ${1:+--origin real=real} --origin new=synthetic --verdicts $name.verdicts -j 2 \
		--do "copies: {reference: 0, max_span: 80, action: cut, field: text$with}" -o $name.out -q -f 2>talk || fail "$name: $(cat talk)"
}
run set "" real.jsonl
run file ", against: [real.jsonl]"
run index ", against: [r.index]"
run grown ", against: [ab.index]"
run mixed ", against: [a.index, b.jsonl]"
python3 - <<'PY' || fail "an index says otherwise"
import json
def seen(name):
    rows, at = {}, {"a": 0, "b": 200, "real": 0}
    for line in open(name + ".verdicts"):
        row = json.loads(line)
        if "row" not in row or row.pop("file", "new.jsonl") != "new.jsonl":
            continue
        for v in row["evidence"] or []:
            if "key" in v["what"]:
                of, n = v["what"].pop("key").split(":")
                v["what"].pop("in", None)  # a file's key counts its lines, from 1
                v["what"]["source"] = at[of.split(".")[0]] + int(n) - of.endswith(".jsonl")
        rows[row["row"]] = row
    return rows
want = seen("set")
found = sum("source" in v["what"] for r in want.values() for v in r["evidence"] or [])
assert len(want) == 300 and found > 200, (len(want), found)
for name in ("file", "index", "grown", "mixed"):
    got = seen(name)
    assert got == want, (name, [(want[k], got.get(k)) for k in want if want[k] != got.get(k)][:1])
PY
for name in file grown mixed; do cmp index.out $name.out || fail "$name: other bytes"; done
tail -n 300 set.out | cmp - index.out || fail "other bytes than in the set"
for j in 1 5; do
	"$OUTCROSS" curate new.jsonl --origin new=synthetic -j $j -o t.out -q -f \
		--do "copies: {reference: 0, max_span: 80, action: cut, field: text, against: [r.index]}" || fail "-j $j"
	cmp index.out t.out || fail "$j threads write other bytes against an index"
done
"$OUTCROSS" curate new.jsonl --do 'copies: {min_span: 32, against: [r.index]}' -o none -q 2>talk && fail "an index of other options was taken"
grep -q min_span talk || fail "does not name the option: $(cat talk)"

printf '%s\n' '{"task_id":"b/7","q":"Who says that the quick brown fox jumps over the lazy dog again and again?"}' >bench.jsonl
"$OUTCROSS" curate made.jsonl --do 'decontaminate: {against: [bench.jsonl], fields: [q], ngram: 8}' \
	-o out.jsonl --rejected r.jsonl --force 2>talk || fail "decontaminate: $(cat talk)"
grep -q 'decontaminate/contaminated 1' talk || fail "summary: $(cat talk)"
grep -q '"item":"b/7"' r.jsonl || fail "item: $(cat r.jsonl)"
"$OUTCROSS" curate made.jsonl --do 'decontaminate: {fields: [q]}' -o none 2>talk && fail "no against"
exit 0
