#!/bin/bash
# near_dup beside datatrove and rensa in one run, from rows in a file to rows in a file: seconds,
# their ratio, and recall by Jaccard index. The peers get fewer documents, and their time is scaled
# linearly, which flatters them. See README.md here for the environment.
#
# usage: PEER_PYTHON=/tmp/peers/bin/python bench/peers/near_dup_peers.sh [DOCUMENTS]
set -euo pipefail
cd "$(dirname "$0")/../.."
B=${B:-build/release}
python=${PEER_PYTHON:?the python of an environment with datatrove, spacy and rensa}
n=${1:-200000}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$B/bench/bench_near_dup" "$n" "$dir/all.jsonl"
"$B/bench/bench_near_dup" 20000 "$dir/some.jsonl"
head -n 3000 "$dir/some.jsonl" >"$dir/few.jsonl"
echo "load $(cut -d' ' -f1 /proc/loadavg), $(nproc) processors, $n documents of $(($(stat -c %s "$dir/all.jsonl") / 1000000)) MB"

seconds() { # ROWS OUT [OPTIONS]: microseconds, the best of three, on two threads
	local best=0 start took
	for _ in 1 2 3; do
		start=$(date +%s%N)
		"$B/outcross" curate "$1" --do "near_dup:${3:-}" -o "$2" --threads 2 --force -q
		took=$((($(date +%s%N) - start) / 1000))
		[ "$best" -gt 0 ] && [ "$took" -ge "$best" ] || best=$took
	done
	echo "$best"
}
ours=$(seconds "$dir/all.jsonl" "$dir/out.jsonl")
seconds "$dir/some.jsonl" "$dir/outcross.jsonl" >/dev/null
seconds "$dir/some.jsonl" "$dir/outcross-0,5.jsonl" threshold=0.5 >/dev/null
awk -v n="$n" -v us="$ours" 'BEGIN { printf "%-18s %7d documents %8.2f s  %7.0f documents/s\n", "outcross", n, us / 1e6, n / us * 1e6 }'
for peer in datatrove:few datatrove-plain:some rensa:some; do
	tool=${peer%:*} rows=${peer#*:}
	read -r documents took < <("$python" bench/peers/near_dup_peers.py time "$tool" "$dir/$rows.jsonl" "$dir/$tool.jsonl" 2>/dev/null)
	awk -v t="$tool" -v d="$documents" -v s="$took" -v n="$n" -v us="$ours" 'BEGIN {
		printf "%-18s %7d documents %8.2f s  %7.0f documents/s, so %d take %.0f s: %.0fx ours\n",
			t, d, s, d / s, n, s / d * n, s / d * n / us * 1e6 }'
done
echo "pairs of which a text is gone, by Jaccard index from:"
"$python" bench/peers/near_dup_peers.py recall "$dir/some.jsonl" "$dir/outcross.jsonl" "$dir/outcross-0,5.jsonl" \
	"$dir/datatrove-plain.jsonl" "$dir/rensa.jsonl"
