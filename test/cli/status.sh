#!/bin/bash
# outcross status: a run that works is watched until its end, also when that is a kill.
. "$ROOT/test/runs.sh"
cp -r "$ROOT/plans" "$tmp/plans"
cd "$tmp/plans"
serve SUMS_BASE "$tmp/ledger" --answer sums --latency 700
"$OUTCROSS" run sums.yaml -q >out 2>err &
pid=$!
for _ in $(seq 100); do grep -q '"in_flight":[1-9]' runs/sums/status.json 2>/dev/null && break; sleep 0.05; done
"$OUTCROSS" status runs/sums >seen || fail "status of a working run"
grep -q 'running' seen && ! grep -q 'killed' seen || fail "a working run: $(cat seen)"
timeout 20 "$OUTCROSS" status runs/sums --watch >watched 2>err &
watcher=$!
sleep 0.2
{ kill -KILL $pid && wait $pid; } 2>/dev/null || true
rc=0; wait $watcher || rc=$?
[ $rc -eq 0 ] && tail -1 watched | grep -q 'killed; the same command goes on' || fail "watching a killed run: exit $rc: $(cat watched)"
stop_server SUMS_BASE
serve SUMS_BASE "$tmp/ledger" --answer sums
"$OUTCROSS" run sums.yaml -q >out 2>err || fail "$(cat err)"
"$OUTCROSS" status runs/sums --watch >seen || fail "status of a finished run"
grep -q 'done' seen && ! grep -q 'killed' seen || fail "a finished run: $(cat seen)"
