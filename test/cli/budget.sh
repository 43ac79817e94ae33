#!/bin/bash
# Caps hold at run level: with requests in flight, retries, a server that lies, and over a resume.
. "$ROOT/test/runs.sh"
cp -r "$ROOT/plans" "$tmp/plans"
cd "$tmp/plans"
serve_plans 3
capped() { sed "s/^sources:/budget: {$1}\nsources:/" sums.yaml >capped.yaml; }
number() { python3 -c "import json,sys; d=json.load(open('$1/status.json'))
for k in '$2'.split('.'): d=d[k]
print(d)"; }
"$OUTCROSS" run sums.yaml -q >out 2>err || fail "$(cat err)"
mv runs/sums whole
money=$(number whole money) requests=$(number whole requests.sent)
[ "$requests" -eq "$(asked "$tmp/sums.ledger")" ] || fail "the status and the server disagree"

# A cap of nothing is refused: it might be taken for none.
for cap in money requests tokens hours; do
	capped "$cap: 0"
	rc=0; "$OUTCROSS" run capped.yaml -q >out 2>err || rc=$?
	[ $rc -eq 2 ] && grep -q "\`$cap\` of \`budget\` of the plan is 0, but must be at least" err || fail "$cap: 0: exit $rc: $(cat err)"
done
# A cap that could not count anything is refused.
sed 's/, price: {prompt: 1, completion: 2}//; s/^sources:/budget: {money: 5}\nsources:/' sums.yaml >free.yaml
rc=0; "$OUTCROSS" plan free.yaml >out 2>err || rc=$?
[ $rc -eq 2 ] && grep -q 'free.yaml:.*no model has a price' err || fail "money without a price: exit $rc: $(cat out err)"

# Requests: the cap is met exactly, says so, and running again sends nothing more.
fresh() { rm -rf .outcross runs; : >"$tmp/sums.ledger"; }
fresh
capped 'requests: 60'
for again in 1 2 3; do
	rc=0; "$OUTCROSS" run capped.yaml -q >out 2>err || rc=$?
	[ $rc -eq 1 ] || fail "requests cap: exit $rc: $(cat err)"
	grep -q 'the budget is used up (requests: 60 of 60 sent): raise it' err && [ "$(wc -l <err)" -eq 1 ] || fail "message: $(cat err)"
	[ "$(asked "$tmp/sums.ledger")" -eq 60 ] || fail "requests cap: $(asked "$tmp/sums.ledger") sent"
	[ "$(number runs/capped requests.sent)" -eq 60 ] || fail "status after sitting $again: $(cat runs/capped/status.json)"
	[ "$(number runs/capped state)" != done ] || fail "state"
done
# A larger budget lets the same run go on, to the same end as if there had been none.
capped 'requests: 500'
"$OUTCROSS" run capped.yaml -q >out 2>err || fail "going on: $(cat err)"
[ ! -e runs/capped-2 ] || fail "a new budget made a new run"
same_run whole runs/capped || fail "the run with a pause differs"
[ "$(asked "$tmp/sums.ledger")" -eq "$requests" ] || fail "paid again"
[ "$(number runs/capped requests.sent)" -eq "$requests" ] || fail "status forgot the first sittings"
python3 -c "assert abs($(number runs/capped money) - $money) < 1e-9" || fail "money forgot the first sittings"

# Behind a store's torn end, which is cut off: what was sent before a restart is still known.
fresh
capped 'requests: 20'
"$OUTCROSS" run tasks.yaml -q >out 2>err || fail "$(cat err)"
head -c 9000 /dev/zero >>.outcross/replies/seg-000001.ocr
for again in 1 2; do
	rc=0; "$OUTCROSS" run capped.yaml -q >out 2>err || rc=$?
	[ $rc -eq 1 ] && [ "$(asked "$tmp/sums.ledger")" -eq 20 ] || fail "behind a torn end: exit $rc, $(asked "$tmp/sums.ledger") sent"
done

# Killed again and again: what all sittings sent stays under the cap.
fresh
capped 'requests: 150'
RANDOM=4
for _ in 1 2 3 4 5 6 7; do
	rc=0; killed_after $((60000 + RANDOM * 3)) run capped.yaml -q || rc=$?
	[ $rc -eq 137 ] || break
done
rc=0; "$OUTCROSS" run capped.yaml -q >out 2>err || rc=$?
sent=$(asked "$tmp/sums.ledger")
[ $rc -eq 1 ] && [ "$sent" -le 150 ] || fail "killed and capped: exit $rc, $sent sent: $(cat err)"

# Money and tokens, with answers that get lost on the way: what nobody knows counts at its bound.
stop_server SUMS_BASE
serve SUMS_BASE "$tmp/sums.ledger" --answer sums --latency 2 --fault error500=0.1 --fault cut=0.1 --fault reset=0.05
for cap in 'money: 0.008' 'tokens: 6000'; do
	fresh
	capped "$cap"
	for _ in 1 2 3; do
		rc=0; killed_after $((60000 + RANDOM * 3)) run capped.yaml -q || rc=$?
	done
	rc=0; "$OUTCROSS" run capped.yaml -q >out 2>err || rc=$?
	[ $rc -eq 1 ] || fail "$cap: exit $rc: $(cat err)"
	grep -q "${cap%%:*}: " err || fail "$cap: $(cat err)"
	python3 - "$cap" <<'END' || fail "$cap"
import json, sys
s = json.load(open("runs/capped/status.json"))
name, cap = sys.argv[1].split(": ")
spent = s["money"] if name == "money" else s["tokens"]["prompt"] + s["tokens"]["completion"]
assert 0 < spent <= float(cap) * (1 + 1e-9), (spent, cap)
END
done

# A server that claims a billion tokens: nothing more is sent to it, and the message says why.
stop_server SUMS_BASE
serve SUMS_BASE "$tmp/sums.ledger" --answer sums --latency 2 --fault lie=0.2
fresh
capped 'money: 1'
rc=0; "$OUTCROSS" run capped.yaml -q >out 2>err || rc=$?
[ $rc -eq 1 ] && grep -q 'the server says it used' err || fail "lies: exit $rc: $(cat err)"
