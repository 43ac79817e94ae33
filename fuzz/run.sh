#!/bin/bash
# Runs every fuzz target T seconds on its kept corpus (fuzz/corpus/NAME), one a core at a time; new
# inputs go to the build folder. ONLY names parts of names. Ends non-zero when one crashes, leaks or
# hangs, and says where the input lies.
set -u
cd "$(dirname "$0")/.."
B=${B:-build/fuzz}
T=${T:-60}
jobs=$(nproc)
wanted() { [ $# -eq 1 ] && return 0; local n=$1; shift; for w; do [[ $n == *$w* ]] && return 0; done; return 1; }
fuzz() { # target name
	local new=$B/corpus/$2 found=$B/found/$2 log=$B/$2.log dict=() rc=0
	mkdir -p "$new" "$found" "fuzz/corpus/$2"
	[ ! -e "fuzz/$2.dict" ] || dict=(-dict="fuzz/$2.dict")
	if "$1" -max_total_time="$T" -timeout=10 -rss_limit_mb=2048 -max_len=4096 "${dict[@]}" \
		-artifact_prefix="$found/" "$new" "fuzz/corpus/$2" >"$log" 2>&1; then
		printf '  ok    %-12s %s\n' "$2" "$(grep -o 'Done [0-9]* runs.*' "$log" | tail -n 1)"
	else
		printf '  FAIL  %-12s input in %s\n%s\n' "$2" "$found" \
			"$(grep -A 20 -m 1 'ERROR\|SUMMARY\|deadly' "$log" | sed 's/^/        /')"
		rc=1
	fi
	rmdir --ignore-fail-on-non-empty "fuzz/corpus/$2" 2>/dev/null
	return $rc
}

failed=0 run=0 busy=0
finish() { wait -n || failed=$((failed + 1)); busy=$((busy - 1)); }
for target in "$B"/fuzz/fuzz_*; do
	case $target in *.o | *.d) continue ;; esac
	[ -x "$target" ] || continue
	name=$(basename "$target"); name=${name#fuzz_}
	wanted "$name" "$@" || continue
	[ $busy -lt "$jobs" ] || finish
	fuzz "$target" "$name" &
	busy=$((busy + 1)) run=$((run + 1))
done
while [ $busy -gt 0 ]; do finish; done
rmdir --ignore-fail-on-non-empty fuzz/corpus 2>/dev/null
echo "$run fuzz targets, $failed failed, $T s each"
[ "$failed" -eq 0 ] && [ "$run" -gt 0 ]
