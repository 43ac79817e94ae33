#!/bin/bash
# Runs every fuzz target T seconds on its kept corpus (fuzz/corpus/NAME); new inputs go to the build
# folder. ONLY names parts of names. Ends non-zero when one crashes, leaks or hangs, and says where
# the input lies.
set -u
cd "$(dirname "$0")/.."
B=${B:-build/fuzz}
T=${T:-60}
failed=0 run=0
wanted() { [ $# -eq 1 ] && return 0; local n=$1; shift; for w; do [[ $n == *$w* ]] && return 0; done; return 1; }
for target in "$B"/fuzz/fuzz_*; do
	case $target in *.o | *.d) continue ;; esac
	[ -x "$target" ] || continue
	name=$(basename "$target"); name=${name#fuzz_}
	wanted "$name" "$@" || continue
	new=$B/corpus/$name found=$B/found/$name
	mkdir -p "$new" "$found" "fuzz/corpus/$name"
	log=$B/$name.log
	dict=(); [ -e "fuzz/$name.dict" ] && dict=(-dict="fuzz/$name.dict")
	if "$target" -max_total_time="$T" -timeout=10 -rss_limit_mb=2048 -max_len=4096 "${dict[@]}" \
		-artifact_prefix="$found/" "$new" "fuzz/corpus/$name" >"$log" 2>&1; then
		printf '  ok    %-12s %s\n' "$name" "$(grep -o 'Done [0-9]* runs.*' "$log" | tail -n 1)"
	else
		printf '  FAIL  %-12s input in %s\n' "$name" "$found"
		grep -A 20 -m 1 'ERROR\|SUMMARY\|deadly' "$log" | sed 's/^/        /'
		failed=$((failed + 1))
	fi
	run=$((run + 1))
	rmdir --ignore-fail-on-non-empty "fuzz/corpus/$name" fuzz/corpus 2>/dev/null
done
echo "$run fuzz targets, $failed failed, $T s each"
[ "$failed" -eq 0 ] && [ "$run" -gt 0 ]
