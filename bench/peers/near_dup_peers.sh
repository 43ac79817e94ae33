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

TIMEFORMAT='%R %U %S'
run() { # ROWS OUT [OPTIONS]: seconds and seconds of processors, on two threads
	{ time "$B/outcross" curate "$1" --do "near_dup:${3:-}" -o "$2" --threads 2 --force -q; } 2>&1 |
		awk '{ print $1, $2 + $3 }'
}
# the best of three; processors share what they do, so that their seconds say more on a busy machine
read -r took busy < <(for _ in 1 2 3; do run "$dir/all.jsonl" "$dir/out.jsonl"; done | sort -n | head -n 1)
run "$dir/some.jsonl" "$dir/outcross.jsonl" >/dev/null
run "$dir/some.jsonl" "$dir/outcross-0,5.jsonl" threshold=0.5 >/dev/null
awk -v n="$n" -v s="$took" -v b="$busy" 'BEGIN {
	printf "%-16s %7d documents %7.2f s, of processors %7.2f s\n", "outcross", n, s, b }'
for peer in datatrove:few datatrove-plain:some rensa:some; do
	tool=${peer%:*} rows=${peer#*:}
	read -r documents s b < <("$python" bench/peers/near_dup_peers.py time "$tool" "$dir/$rows.jsonl" "$dir/$tool.jsonl" 2>/dev/null)
	awk -v t="$tool" -v d="$documents" -v s="$s" -v b="$b" -v n="$n" -v us="$took" -v ub="$busy" 'BEGIN {
		printf "%-16s %7d documents %7.2f s, of processors %7.2f s; %d: %.0f s, %.0f times ours, of processors %.0f times\n",
			t, d, s, b, n, s / d * n, s / d * n / us, b / d * n / ub }'
done
echo "pairs of which a text is gone, by Jaccard index from:"
"$python" bench/peers/near_dup_peers.py recall "$dir/some.jsonl" "$dir/outcross.jsonl" "$dir/outcross-0,5.jsonl" \
	"$dir/datatrove-plain.jsonl" "$dir/rensa.jsonl"
