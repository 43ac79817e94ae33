#!/bin/bash
# A hostile server: no row is lost or doubled, what fails in the end says why and keeps its bytes,
# and after one good server more the result is that of a good day.
. "$ROOT/test/runs.sh"
cp -r "$ROOT/plans" "$tmp/plans"
cd "$tmp/plans"
sed -i 's/rows: 120, round: 48/rows: 40, round: 32/' sums.yaml
serve SUMS_BASE "$tmp/good.ledger" --answer sums --latency 1
"$OUTCROSS" run sums.yaml -q >out 2>err || fail "$(cat err)"
mv runs/sums "$tmp/whole"
stop_server SUMS_BASE
evil() { # name, options of the server...: the faults pass, so the result is the good day's
	local name=$1; shift
	rm -rf .outcross runs
	: >"$tmp/evil.ledger"
	serve SUMS_BASE "$tmp/evil.ledger" --answer sums --latency 2 "$@"
	"$OUTCROSS" run sums.yaml -q >out 2>err || fail "$name: exit $? $(cat err)"
	stop_server SUMS_BASE
	same_run "$tmp/whole" runs/sums || fail "$name: another result"
	check ledger runs/sums || fail "$name: ledger"
	[ "$(awk '/^paid/ && paid[$2]++ { n++ } END { print n + 0 }' "$tmp/evil.ledger")" -eq 0 ] || fail "$name: paid twice"
}
evil "429 and 500" --fault limit=0.05 --fault error500=0.1 --fault error503=0.05
evil "429 with Retry-After" --fault limit_after=0.02
evil "resets and torn replies" --fault reset=0.1 --fault truncate=0.1 --fault cut=0.1
evil "HTML, errors and emptiness with 200" --fault html=0.07 --fault error200=0.07 --fault empty=0.07
evil "no usage" --fault no_usage=0.5
evil "three choices in the wrong order" --fault many=0.3
evil "four times too much concurrency" --slots 4 --refuse
# Slow drip: given up after the timeout, asked again.
sed -i 's/model: writer, price/model: writer, timeout: 1s, price/' sums.yaml
evil "slow drip" --fault drip=0.02
sed -i 's/ timeout: 1s,//' sums.yaml

# Requests that never succeed: each rejected with a reason and the raw bytes, the others kept.
rm -rf .outcross runs
sed 's/model: writer, price/model: writer, tries: 2, price/; s/^outcross: 1/outcross: 1\nmax_failed: 0.9/' sums.yaml >failing.yaml
serve SUMS_BASE "$tmp/evil.ledger" --answer sums --latency 1 --fault html=0.15 --fault empty=0.15 --fault too_long=0.1 --fault-attempts 99
"$OUTCROSS" run failing.yaml -q >out 2>err || fail "failing: exit $? $(cat err)"
check ledger runs/failing || fail "failing: ledger"
zstd -dcq runs/failing/rejected-*.zst >rejected.jsonl
python3 - <<'END'
import base64, json
rows = [json.loads(l) for l in open("rejected.jsonl")]
status = json.load(open("runs/failing/status.json"))
failed = [r for r in rows if "fail" in r["rule"] or "request" in r["rule"]]
assert len(failed) >= 10 and status["requests"]["failed"] == len(failed), (len(failed), status["requests"])
raw = [base64.b64decode(r["base64"]).decode() if "base64" in r else json.dumps(r["row"]) for r in failed]
assert any("Bad gateway" in t for t in raw), raw[:3]
assert any("choices" in t for t in raw), raw[:3]
for r in failed:
    assert any(v.get("evidence") for v in r["lineage"]["verdicts"]), r
END
stop_server SUMS_BASE
# The same from the store, offline.
"$OUTCROSS" run failing.yaml -q --offline -o replay >out 2>err || fail "failing, offline: exit $? $(cat err)"
same_run runs/failing replay || fail "failures are not replayed"

# More failures than max_failed allows: exit 1, one sentence, and a better server ends the run.
rm -rf .outcross runs
sed -i 's/max_failed: 0.9/max_failed: 0.1/' failing.yaml
serve SUMS_BASE "$tmp/evil.ledger" --answer sums --latency 1 --fault empty=0.6 --fault-attempts 99
rc=0; "$OUTCROSS" run failing.yaml -q >out 2>err || rc=$?
[ $rc -eq 1 ] && grep -q 'max_failed.*the last: .* is empty' err && [ "$(wc -l <err)" -eq 1 ] || fail "max_failed: exit $rc: $(cat err)"
stop_server SUMS_BASE
serve SUMS_BASE "$tmp/evil.ledger" --answer sums --latency 1
"$OUTCROSS" run failing.yaml -q >out 2>err || fail "after max_failed: exit $? $(cat err)"
same_run "$tmp/whole" runs/failing || fail "after max_failed: another result"
stop_server SUMS_BASE

# Dead from the start, and a wrong key: network, exit 5; resumable.
rm -rf .outcross runs
rc=0; timeout 60 "$OUTCROSS" run failing.yaml -q >out 2>err || rc=$?
[ $rc -eq 5 ] && [ "$(wc -l <err)" -eq 1 ] || fail "a dead endpoint: exit $rc: $(cat err)"
serve SUMS_BASE "$tmp/evil.ledger" --answer sums --latency 1
"$OUTCROSS" run failing.yaml -q >out 2>err || fail "when it came up: exit $? $(cat err)"
same_run "$tmp/whole" runs/failing || fail "when it came up: another result"
