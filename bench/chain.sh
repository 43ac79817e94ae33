#!/bin/bash
# The whole chain (rules, exact, near_dup, decontaminate, copies) in one command, against the sum of
# the same stages one by one over the same rows; medians of three, in turn. The bar is a ratio of
# 0.7.
#   bench/chain.sh [DOCUMENTS]          real ones, of 220 words; half as many machine-made
set -euo pipefail
cd "$(dirname "$0")/.."
program=${OUTCROSS:-build/release/outcross} n=${1:-40000}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 - "$dir" "$n" <<'END'
import json, random, sys
folder, n = sys.argv[1], int(sys.argv[2])
random.seed(1)
stop = "the be to of and that have with".split()
letters = "bcdfghklmnprst"
words = ["".join(random.choice(letters) + random.choice("aeiou") for _ in range(random.randint(1, 4))) for _ in range(20000)]
def sentence():
    k = random.randint(8, 20)
    s = [random.choice(stop) if random.random() < 0.3 else words[min(int(random.expovariate(1 / 1500)), 19999)] for _ in range(k)]
    return " ".join(s).capitalize() + "."
def document():
    return "\n".join(" ".join(sentence() for _ in range(4)) for _ in range(4))
docs = []
with open(folder + "/real.jsonl", "w") as f:
    for i in range(n):
        t = random.choice(docs) + " " + sentence() if docs and random.random() < 0.1 else document()
        docs.append(t)
        f.write(json.dumps({"id": i, "text": t}) + "\n")
with open(folder + "/made.jsonl", "w") as f:
    for i in range(n // 2):
        t = document()
        if random.random() < 0.2:
            t += " " + random.choice(docs)[:random.randint(60, 600)]
        f.write(json.dumps({"id": i, "text": t}) + "\n")
with open(folder + "/bench.jsonl", "w") as f:
    for i in range(1000):
        f.write(json.dumps({"question": sentence() + " " + sentence(), "answer": str(i)}) + "\n")
END
export BENCH="$dir/bench.jsonl"
stages=(gopher_repetition gopher_quality c4 fineweb exact near_dup "decontaminate: {against: $BENCH}" copies)
job() { # stages...: seconds
	local args=() s
	for s; do args+=(--do "$s"); done
	local start end
	start=$(date +%s%N)
	"$program" curate "$dir/real.jsonl" "$dir/made.jsonl" --origin real=real --origin made=synthetic \
		"${args[@]}" -o "$dir/out.jsonl" --force -q -j 2
	end=$(date +%s%N)
	awk "BEGIN { print ($end - $start) / 1e9 }"
}
median() { sort -n | sed -n 2p; }
cat "$dir/real.jsonl" "$dir/made.jsonl" >/dev/null
declare -A single
: >"$dir/chain"
for _ in 1 2 3; do
	job "${stages[@]}" >>"$dir/chain"
	kept=$(wc -l <"$dir/out.jsonl")
	for i in "${!stages[@]}"; do job "${stages[$i]}" >>"$dir/single.$i"; done
done
sum=0
for i in "${!stages[@]}"; do
	single[$i]=$(median <"$dir/single.$i")
	sum=$(awk "BEGIN { print $sum + ${single[$i]} }")
	printf '%-20s %6.2f s\n' "${stages[$i]%%:*}" "${single[$i]}"
done
chain=$(median <"$dir/chain")
printf 'chain over %d documents (%d kept), %d MB: %.2f s; the stages one by one: %.2f s; ratio %.2f (bar 0.7)\n' \
	$((n + n / 2)) "$kept" $(($(cat "$dir"/{real,made}.jsonl | wc -c) / 1000000)) "$chain" "$sum" "$(awk "BEGIN { print $chain / $sum }")"
