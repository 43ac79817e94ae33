#!/bin/bash
# What must be held whole says how much it needs, what is allowed and what to do, and ends before it
# takes that: exit 7 (3 for vectors), nothing written. With the memory it asked for it works.
. "$ROOT/test/runs.sh"
cd "$tmp"
python3 - <<'PY'
import json, random
random.seed(3)
words = [a + b + c for a in ("ka", "lo", "mi", "nu", "pe", "ri", "so") for b in "bdfgkst" for c in ("a", "en", "o", "um")]
for name, n in (("rows", 6000), ("bench", 400)):
    with open(name + ".jsonl", "w") as f:
        for i in range(n):
            text = " ".join(random.choices(words, k=60))
            f.write(json.dumps({"key": f"{name}{i}", "text": text, "question": text}) + "\n")
PY
head -1000 rows.jsonl >good.jsonl
tail -1000 rows.jsonl >bad.jsonl
"$OUTCROSS" train quality --good good.jsonl --bad bad.jsonl -o quality.model -q >out 2>err || fail "train: $(cat err)"
"$OUTCROSS" train perplexity good.jsonl -o words.model --order 2 -q >out 2>err || fail "train: $(cat err)"
refused() { # STATUS MEMORY SAYS STAGE
	local rc=0
	rm -f x.jsonl
	"$OUTCROSS" curate rows.jsonl --origin rows=real --do "$4" --memory "$2" -o x.jsonl -q 2>err || rc=$?
	[ $rc -eq "$1" ] && [ ! -e x.jsonl ] && grep -q "$3.* of memory.*raise .memory:" err || fail "$4 in $2: $rc $(cat err)"
}
works() { # MEMORY STAGE
	"$OUTCROSS" curate rows.jsonl --origin rows=real --do "$2" --memory "$1" -o x.jsonl -q -f 2>err || fail "$2 in $1: $(cat err)"
}
asked() { grep -o 'need[s a-z]* [0-9]* [kM]B' err | grep -o '[0-9]* [kM]B' | tr -d ' ' | head -1; }
# by the first rows, long before it is so: the index of those is far smaller
refused 7 2MB 'texts that stay need about' 'novelty: {field: text}'
novelty=$(asked)
python3 - "$novelty" <<'PY'
import sys
n = int(sys.argv[1][:-2]) * (1000 if sys.argv[1].endswith("MB") else 1)
sys.exit(0 if 3000 < n < 12000 else f"novelty wants {n} kB for 6,000 texts of 60 words")
PY
works 32MB 'novelty: {field: text}'
# as nothing is known of what comes through a pipe, when it is so
rc=0
"$OUTCROSS" curate - --do 'novelty: {field: text}' --memory 1MB -o x.jsonl -q -f 2>err <rows.jsonl || rc=$?
[ $rc -eq 7 ] && grep -q 'the index of [0-9]* texts needs .* of memory' err || fail "novelty of a pipe: $rc $(cat err)"
refused 7 100KB '6000 groups need' 'sample: {n: 1, by: key}'
works 1MB 'sample: {n: 1, by: key}'
refused 7 100KB 'n-grams of the benchmarks need' 'decontaminate: {field: text, against: bench.jsonl}'
works 32MB 'decontaminate: {field: text, against: bench.jsonl}'
refused 7 100KB 'the model needs' 'quality: {model: quality.model, field: text}'
works "$(($(stat -c %s quality.model) / 1000 + 1))KB" 'quality: {model: quality.model, field: text}'
refused 3 1MB 'need' 'semantic: {field: text}'
works 32MB 'semantic: {field: text, dim: 64}'
# every stage that refuses, by the manual, is one of these; machine_share has a test of its own
stages=$("$OUTCROSS" help --manual | awk -F'|' '$3 ~ /needs, or refuses/ { gsub(/ /, "", $2); print $2 }' | sort | tr '\n' ' ')
[ "$stages" = "machine_share novelty quality sample semantic " ] || fail "not tested: $stages"
# a plan's rows behind a whole stage: nothing is foreseen, as many may have fallen
cat >plan.yaml <<'PY'
outcross: 1
memory: 16MB
sources: {rows: {path: rows.jsonl, origin: real, attest: made}}
curate: [near_dup: {field: text}, novelty: {field: text}]
PY
"$OUTCROSS" run plan.yaml -q >out 2>err || fail "plan: $(cat err)"
