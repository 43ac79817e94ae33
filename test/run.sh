#!/bin/bash
# Runs the unit tests (cmocka programs) and the command-line tests (test/cli/*.sh) of one build.
# ONLY names parts of names to run. Ends in one line: N passed, N failed, N skipped.
set -u
cd "$(dirname "$0")/.."
B=${B:-build/release}
limit=${OC_TEST_LIMIT:-300}
passed=0 failed=0 skipped=0
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
wanted() { [ $# -eq 1 ] && return 0; local n=$1; shift; for w; do [[ $n == *$w* ]] && return 0; done; return 1; }
one() { # name, command...
	local name=$1 start=$SECONDS; shift
	"${TIMEOUT[@]}" "$@" >"$log/$name" 2>&1 </dev/null
	local rc=$?
	case $rc in
	0) passed=$((passed + 1)); printf '  ok    %-28s %3d s\n' "$name" $((SECONDS - start)) ;;
	77) skipped=$((skipped + 1)); printf '  skip  %-28s %s\n' "$name" "$(tail -n 1 "$log/$name")" ;;
	*) failed=$((failed + 1)); printf '  FAIL  %-28s exit %d\n' "$name" $rc; tail -n "${OC_TEST_TAIL:-40}" "$log/$name" | sed 's/^/        /' ;;
	esac
}
TIMEOUT=(timeout --kill-after=10 "$limit")
for t in "$B"/test/test_*; do
	case $t in *.o | *.d | *.so) continue ;; esac
	name=$(basename "$t"); wanted "$name" "$@" && one "$name" "$t"
done
export OUTCROSS=$PWD/$B/outcross B=$PWD/$B ROOT=$PWD
for t in test/cli/*.sh; do
	[ -e "$t" ] || continue
	name=$(basename "$t" .sh); wanted "$name" "$@" && one "$name" bash "$t"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
