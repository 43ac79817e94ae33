#!/bin/bash
# --offline replays a finished run bit for bit with the server gone; what was never answered is said.
. "$ROOT/test/runs.sh"
cp -r "$ROOT/plans" "$tmp/plans"
cd "$tmp/plans"
serve_plans
for name in sums tasks; do "$OUTCROSS" run $name.yaml -q >out 2>err || fail "$name: $(cat err)"; done
stop_server SUMS_BASE
stop_server TASKS_BASE
before=$(cd .outcross/replies && cksum seg-* index.db)
for name in sums tasks; do
	"$OUTCROSS" run $name.yaml -q -o again-$name --offline >out 2>err || fail "$name offline: $(cat err)"
	same_run runs/$name again-$name || fail "the replay of $name differs"
	check ledger again-$name || fail "ledger of the replay"
done
[ "$before" = "$(cd .outcross/replies && cksum seg-* index.db)" ] || fail "--offline touched the store"
# Another question than any that was asked.
sed 's/rows: 120/rows: 120, shown: 4/' sums.yaml >other.yaml
rc=0; "$OUTCROSS" run other.yaml -q --offline >out 2>err || rc=$?
[ $rc -eq 1 ] || [ $rc -eq 5 ] || [ $rc -eq 7 ] || fail "offline without replies: exit $rc"
grep -q -- '--offline' err && [ "$(wc -l <err)" -eq 1 ] || fail "message: $(cat err)"
# No store at all.
rm -rf .outcross
rc=0; "$OUTCROSS" run sums.yaml -q -o third --offline >out 2>err || rc=$?
[ $rc -ne 0 ] && [ "$(wc -l <err)" -eq 1 ] || fail "offline without a store: exit $rc, $(cat err)"
