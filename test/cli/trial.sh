#!/bin/bash
# outcross plan --trial: shows what came back, forecasts from it, and the run pays for none of it again.
set -eu
tmp=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$tmp"' EXIT
fail() { echo "trial: $*" >&2; exit 1; }
cd "$tmp"
mkfifo port
"$B/test/llm-server" --hold --answer sums --latency 20 --ledger ledger >port 2>server.log &
server=$!
read -r number <port
for i in $(seq 1 60); do echo "{\"question\":\"What is $i + $i?\",\"answer\":\"$((i + i))\"}"; done >people.jsonl
cat >sums.yaml <<PLAN
outcross: 1
models:
  m: {type: openai, base: "http://127.0.0.1:$number/v1", model: x, concurrency: 4, price: {prompt: 1, completion: 2}}
sources:
  people: {path: people.jsonl, origin: real, collected: 2021-10-01, format: qa}
holdout: {share: 0.1, min: 6}
generate:
  - arithmetic: {model: m, rows: 20}
  - arithmetic: {model: m, rows: 12, name: more}
curate: [exact]
output: {format: qa}
PLAN
"$OUTCROSS" plan sums.yaml --trial 12 >out
[ "$(grep -c ^paid ledger)" = 24 ] || fail "12 requests of 2 recipes are 24, not $(grep -c ^paid ledger)"
[ "$(grep -c ', request [0-9]*: ' out)" = 24 ] || fail "$(cat out)"
grep -q 'trial: 24 requests were sent, 0 replies' out || fail "$(cat out)"
grep -q '> kept$' out || fail "nothing kept: $(cat out)"
grep -q '> rejected by arithmetic.math: wrong_answer {' out || fail "nothing rejected: $(cat out)"
grep -q 'about .* requests for 20 rows.* at list price, .* with 4 in flight' out || fail "$(cat out)"
[ ! -e runs ] || fail "a trial left a run folder"

# Again: from the store. The forecast is what the measured replies say.
"$OUTCROSS" plan sums.yaml --trial 12 --json >out.json
[ "$(grep -c ^paid ledger)" = 24 ] || fail "the second trial paid"
python3 - <<'PY'
import json
p = json.load(open("out.json"))
t = p["trial"]
assert t["sent"] == 0 and t["cached"] == 24 and len(t["requests"]) == 24, t
for f in t["forecast"]:
    mine = [q for q in t["requests"] if q["step"] == f["step"]]
    kept = sum(r["fate"] == "kept" for q in mine for r in q["rows"])
    wanted = {"arithmetic": 20, "more": 12}[f["step"]]
    assert f["kept"] == kept and len(mine) == 12
    assert abs(f["requests"] - wanted * 12 / kept) < 1e-9, f
    k = f["requests"] / 12
    tokens = [sum(q[n] for q in mine) * k for n in ("prompt_tokens", "completion_tokens")]
    assert abs(f["prompt_tokens"] - tokens[0]) < 1e-6 and abs(f["completion_tokens"] - tokens[1]) < 1e-6
    assert abs(f["money"] - (tokens[0] + 2 * tokens[1]) / 1e6) < 1e-9
    assert 0.8 < f["seconds"] / (sum(q["seconds"] for q in mine) * k / 4) < 1.2, f
for q in t["requests"]:
    assert q["prompt"] and q["reply"] and q["rows"], q
PY
# The run asks for the rest only: no request is answered twice.
"$OUTCROSS" run sums.yaml >out
[ -z "$(awk '$1 == "paid" && ++n[$2] > 1' ledger)" ] || fail "paid twice"
"$OUTCROSS" status runs/sums --json | grep -q '"cached":24' || fail "$("$OUTCROSS" status runs/sums --json)"
grep -q 'replies a second of .*runs/sums' <("$OUTCROSS" plan sums.yaml) || fail "no rate of the earlier run"

# --connect, also where the base carries a name, a password and a query: they are used, not shown.
sed 's|base: "[^"]*"|base_env: ODD_BASE|' sums.yaml >odd.yaml
export ODD_BASE="http://me:hide-me@127.0.0.1:$number/v1?version=3&token=hide-me"
"$OUTCROSS" plan odd.yaml --connect >out 2>err || fail "connect: $(cat err)"
grep -q "http://127.0.0.1:$number/v1 can be reached" err || fail "connect: $(cat err)"
! grep -q 'hide-me' out err || fail "connect shows: $(cat err)"
rc=0; ODD_BASE="ftp://me:hide-me@127.0.0.1/v1" "$OUTCROSS" run odd.yaml -q >out 2>err || rc=$?
[ $rc -eq 2 ] && ! grep -rq 'hide-me' err runs/odd || fail "a bad base shows: $rc $(cat err)"
"$OUTCROSS" plan sums.yaml --connect >/dev/null 2>err
grep -q 'can be reached' err || fail "$(cat err)"
kill "$server"
wait "$server" 2>/dev/null || :
server=
rc=0
"$OUTCROSS" plan sums.yaml --connect >/dev/null 2>err || rc=$?
[ $rc = 5 ] && grep -q 'cannot be reached' err || fail "dead endpoint: $rc $(cat err)"
rc=0
"$OUTCROSS" plan sums.yaml --trial 12 >out || rc=$?
[ $rc = 0 ] || fail "a trial whose replies are known needs no server"
