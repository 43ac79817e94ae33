#!/bin/bash
# Runs the unit tests (cmocka programs) and the command-line tests (test/cli/*.sh) of one build, one
# for each core at a time. ONLY names parts of names to run. Ends in one line: N passed, N failed,
# N skipped.
#   OC_TEST_JOBS   tests at a time (the number of cores)
#   OC_TEST_LIMIT  seconds that a test may take (300)
#   OC_TEST_TAIL   lines shown of a test that fails (40)
set -u
cd "$(dirname "$0")/.."
B=${B:-build/release}
jobs=${OC_TEST_JOBS:-$(nproc)}
limit=${OC_TEST_LIMIT:-300}
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
wanted() { # NAME [PART ...]
	[ $# -eq 1 ] && return 0
	local name=$1
	shift
	for part; do [[ $name == *$part* ]] && return 0; done
	return 1
}
one() { # NAME COMMAND ...: one test; its result goes to a file, its line to the terminal
	local name=$1 start=$SECONDS rc=0
	shift
	timeout --kill-after=10 "$limit" "$@" >"$log/$name.out" 2>&1 </dev/null || rc=$?
	local took=$((SECONDS - start))
	exec 8>"$log/lock"
	flock 8 # so that two that fail at once do not mix their lines
	case $rc in
	0) echo passed >>"$log/results"; printf '  ok    %-28s %3d s\n' "$name" $took ;;
	77) echo skipped >>"$log/results"; printf '  skip  %-28s %s\n' "$name" "$(tail -n 1 "$log/$name.out")" ;;
	*)
		echo failed >>"$log/results"
		[ $rc -eq 124 ] && rc="$rc: stopped after $limit s"
		printf '  FAIL  %-28s exit %s\n' "$name" "$rc"
		tail -n "${OC_TEST_TAIL:-40}" "$log/$name.out" | sed 's/^/        /'
		;;
	esac
}
start() { # NAME COMMAND ...
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
	one "$@" &
}
: >"$log/results"
bin=$B
export OUTCROSS=$PWD/$B/outcross B=$PWD/$B ROOT=$PWD
# The client's tests wait for clocks: begun first, they are over when the others are.
for t in "$bin"/test/test_client "$bin"/test/test_* test/cli/*.sh; do
	case $t in *.o | *.d | *.so) continue ;; esac
	[ -e "$t" ] || continue
	name=$(basename "$t" .sh)
	[ "$t" = "$bin/test/test_client" ] && { [ -z "${begun:-}" ] && begun=1 || continue; }
	wanted "$name" "$@" || continue
	case $t in *.sh) start "$name" bash "$t" ;; *) start "$name" "$t" ;; esac
done
wait
count() { grep -c "^$1\$" "$log/results"; }
failed=$(count failed) passed=$(count passed)
echo "$passed passed, $failed failed, $(count skipped) skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
