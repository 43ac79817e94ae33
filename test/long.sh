#!/bin/bash
# What takes hours: the fuzzers at length, 200 kills, every fault at every call, fresh systems.
# `make check-long`; LONG names parts of it to run.
set -eu
cd "$(dirname "$0")/.."
make -j"$(nproc)" test-build
export B=$PWD/build/release OUTCROSS=$PWD/build/release/outcross ROOT=$PWD
failed=0
part() { # name, command...
	local name=$1 start=$SECONDS; shift
	[[ " ${LONG:-$name} " == *" $name "* ]] || return 0
	echo "== $name"
	"$@" || { failed=$((failed + 1)); echo "== $name FAILED"; return 0; }
	echo "== $name: $((SECONDS - start)) s"
}
part kill env KILLS=200 bash test/cli/kill.sh
part faults env FAULTS=all bash test/cli/faults.sh
part hostile env HOSTILE=all bash test/cli/hostile_rows.sh
part memory env MEMORY=64 bash test/cli/memory.sh
part asan make asan
part tsan make tsan
part fuzz make fuzz T=600
part fresh12 bash test/fresh.sh bookworm
part fresh13 bash test/fresh.sh trixie

[ $failed -eq 0 ] && echo "all that was asked for holds"
exit $((failed > 0))
