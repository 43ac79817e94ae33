#!/bin/bash
# A chain of stages that see all rows reads its sources once, whatever it does with them: between
# passes rows lie in legs. A plan's run does, too. (The bar is twice.) A leg holds each row once.
. "$ROOT/test/runs.sh"
. "$ROOT/test/whole.sh"
no_sanitizer
mkdir "$tmp/rows" && cd "$tmp/rows"
whole_rows 1500
chain=(gopher_repetition gopher_quality c4 fineweb 'exact: {fields: [text]}' 'near_dup: {field: text}'
	'decontaminate: {field: text, against: bench.jsonl}' 'copies: {field: text}')
size=$(cat real.jsonl made.jsonl | wc -c)
read_bytes() { # WHAT COMMAND...: bytes of the sources that were read
	local what=$1 of sum=0; shift
	for of in /real.jsonl /made.jsonl; do
		rm -rf runs out.jsonl
		READS_OF=$of READS_COUNT=$tmp/count LD_PRELOAD=$B/test/reads.so "$@" >"$tmp/out" 2>"$tmp/err" || fail "$what: $(cat "$tmp/err")"
		sum=$((sum + $(cat "$tmp/count")))
	done
	[ "$sum" -ge "$size" ] || fail "$what: $sum bytes of $size were read: the count is wrong"
	[ "$sum" -le $((2 * size)) ] || fail "$what: $sum bytes were read of sources of $size"
	echo "$what: $(awk "BEGIN { printf \"%.2f\", $sum / $size }") times the bytes of the sources"
}
do=()
for s in "${chain[@]}"; do do+=(--do "$s"); done
read_bytes "the chain" "$OUTCROSS" curate real.jsonl made.jsonl --origin real=real --origin made=synthetic "${do[@]}" -o out.jsonl -q
do=()
for s in "${whole_stages[@]}"; do do+=(--do "$s"); done
read_bytes "every stage that sees all rows" "$OUTCROSS" curate real.jsonl made.jsonl --origin real=real --origin made=synthetic "${do[@]}" -o out.jsonl -q
whole_plan chain "${chain[@]}"
read_bytes "the chain as a plan" "$OUTCROSS" run chain.yaml -q
whole_plan all "${whole_stages[@]}"
read_bytes "every such stage as a plan" "$OUTCROSS" run all.yaml -q
