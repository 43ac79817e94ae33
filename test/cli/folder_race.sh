#!/bin/bash
# Two runs that want the same new folder: who gets the lock later, when the first one has ended
# already, does not write into its run.
. "$ROOT/test/runs.sh"
no_sanitizer
cd "$tmp"
for name in a b; do
	for i in 1 2 3 4 5 6; do echo "{\"text\":\"row $i of $name\"}"; done >$name.jsonl
	printf 'outcross: 1\nname: same\nsources: {r: {path: %s.jsonl, origin: real, attest: me}}\nholdout: none\n' $name >$name.yaml
done
"$OUTCROSS" run a.yaml -q -o whole >out 2>err || fail "$(cat err)"
# late PLAN COMMAND: the plan's run, and just before it has the lock, the command.
late() { LATE_RUN=$2 LD_PRELOAD=$B/test/late.so "$OUTCROSS" run "$1" -q >out 2>err; }
rc=0; late b.yaml "'$OUTCROSS' run a.yaml -q >other 2>&1" || rc=$?
[ $rc -eq 4 ] && grep -q 'the same command again' err || fail "another plan's run came first: exit $rc: $(cat out err)"
same_run whole runs/same || fail "the first run was touched"
"$OUTCROSS" run b.yaml -q >out 2>err || fail "again: $(cat err)"
grep -q 'row 6 of b' runs/same-2/out/data/train-* || fail "the second run has no folder of its own"
# Where the same plan came first, there is nothing left to do.
rm -rf runs
late a.yaml "'$OUTCROSS' run a.yaml -q >other 2>&1" || fail "the same plan came first: $(cat err)"
same_run whole runs/same || fail "the run was made twice over"
