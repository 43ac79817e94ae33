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

printf '%s\n' '{"task_id":"b/7","q":"Who says that the quick brown fox jumps over the lazy dog again and again?"}' >bench.jsonl
"$OUTCROSS" curate made.jsonl --do 'decontaminate: {against: [bench.jsonl], fields: [q], ngram: 8}' \
	-o out.jsonl --rejected r.jsonl --force 2>talk || fail "decontaminate: $(cat talk)"
grep -q 'decontaminate/contaminated 1' talk || fail "summary: $(cat talk)"
grep -q '"item":"b/7"' r.jsonl || fail "item: $(cat r.jsonl)"
"$OUTCROSS" curate made.jsonl --do 'decontaminate: {fields: [q]}' -o none 2>talk && fail "no against"
exit 0
