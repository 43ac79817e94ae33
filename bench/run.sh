#!/bin/bash
# Runs the benchmarks (or those whose names contain one of the arguments) one after the other and
# prints one table: what each says of itself, with the time it took and the load of the machine.
# Each measures a baseline in the same run, so that its ratio holds on a busy machine, too.
# SHORT=1 takes smaller inputs, a minute or two altogether.
set -u
cd "$(dirname "$0")/.."
export B=${B:-build/release} OUTCROSS=${OUTCROSS:-$PWD/${B:-build/release}/outcross}
if [ -n "${SHORT:-}" ]; then
	declare -A args=([bench_parse]=60 [bench_pass]=60 [bench_run]=60 [bench_gz]=60 [bench_llm]="8 64 50"
		[bench_store]=100000 [bench_near_dup]=20000)
else
	declare -A args=()
fi
failed=0
wanted() { [ $# -eq 1 ] && return 0; local n=$1; shift; for w; do [[ $n == *$w* ]] && return 0; done; return 1; }
row() { # name, command...
	local name=$1 start=$SECONDS out rc=0; shift
	out=$("$@" 2>&1 </dev/null) || rc=$?
	[ $rc -eq 0 ] || failed=$((failed + 1))
	printf '%-16s %4d s  load %s%s\n' "$name" $((SECONDS - start)) "$(cut -d' ' -f1 /proc/loadavg)" "$([ $rc -eq 0 ] || echo "  exit $rc")"
	sed 's/^/    /' <<<"$out"
}
printf '%s, %s cores, %s\n' "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)" "$(nproc)" "$(date +%F)"
for b in "$B"/bench/bench_*; do
	case $b in *.o | *.d) continue ;; esac
	name=$(basename "$b")
	# shellcheck disable=SC2086
	wanted "$name" "$@" && row "$name" "$b" ${args[$name]:-}
done
for b in bench/*.sh; do
	name=$(basename "$b" .sh)
	[ "$name" = run ] || { wanted "$name" "$@" && row "$name" bash "$b"; }
done
[ $failed -eq 0 ]
