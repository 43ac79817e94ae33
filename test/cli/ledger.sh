#!/bin/bash
# Every plan in plans/: in + made + repeated = out + held + rejected + merged + unused, counted from
# the files; every row in exactly one place; the lineage's hashes are those of the rows.
. "$ROOT/test/runs.sh"
cp -r "$ROOT/plans" "$tmp/plans"
cd "$tmp/plans"
serve_plans
for name in $(plans); do
	"$OUTCROSS" run "$name.yaml" -q >out 2>err || fail "$name: exit $? $(cat err)"
	check ledger "runs/$name" || fail "$name"
	[ -s "runs/$name/out/data/train-00000-of-00001.jsonl" ] || fail "$name: nothing came out"
	[ ! -e "runs/$name/work" ] || fail "$name: work is left"
done
# --json says what status.json says, requests and money too; also when there was nothing to do.
for again in 1 2; do
	"$OUTCROSS" run sums.yaml -q -o "$tmp/json" --json >out 2>err || fail "--json: $(cat err)"
	cmp out "$tmp/json/status.json" || fail "--json: $(cat out)"
	grep -q '"cached":[1-9]' out || fail "--json knows of no requests: $(cat out)"
done
# Each reply that was paid for was used: asked = replied, none twice.
grep '^ask' "$tmp/sums.ledger" | sort | uniq -d | grep . && fail "asked twice"
python3 - <<'END'
import json
rows = [json.loads(l) for l in open("runs/again/out/lineage/train-00000-of-00001.jsonl")]
deep = [r for r in rows if r.get("recipe") == "arithmetic" and r["key"].startswith("arithmetic:")]
assert deep, "again.yaml made nothing"
# Rows made without a seed (from the recipe's own examples) have no parents and are one deep.
assert all(str(r["depth"]).lstrip(">=") >= "2" for r in deep if any(p.startswith("earlier") and int(p[8:]) > 83 for p in r.get("parents", []))), "depth"
deep = [r for r in deep if "founders" in r]
assert deep
assert all(f.startswith("earlier/sums:") for r in deep for f in r["founders"]), deep[0]
founders = {f for r in rows for f in r.get("founders", [])}
assert len(founders) <= 84, len(founders)  # 90 sums, at least 6 of them held out
assert any(r["origin"] == "real" for r in rows)
mixed = json.load(open("runs/mixed/status.json"))["rows"]
assert mixed["repeated"] > 0, mixed
rows = json.load(open("runs/filters/status.json"))["rows"]
assert rows["rejected"].get("read.bad_json") == 2, rows
assert rows["rejected"].get("exact.duplicate") == 2 and rows["merged"] + rows["rejected"].get("near_dup.near_duplicate", 0) == 1, rows
END
# requests over a resume: sent = replied + failed + lost + in_flight, of all sittings; what this run
# paid for is not "cached", however often it is read again; what another run paid for is, once.
adds_up() { # STATUS [cached]
	python3 - "$@" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))["requests"]
assert r["sent"] == r["replied"] + r["failed"] + r["lost"] + r["in_flight"], r
if len(sys.argv) > 2:
    assert r["cached"] == int(sys.argv[2]), r
print(r["replied"], r["lost"])
PY
}
serve SLOW_BASE "$tmp/slow.ledger" --answer sums --latency 40
sed 's/SUMS_BASE, model: writer/SLOW_BASE, model: writer, concurrency: 4, max_concurrency: 4/' sums.yaml >slow.yaml
rm -rf .outcross runs
for sig in KILL TERM KILL; do
	"$OUTCROSS" run slow.yaml -q >out 2>err &
	pid=$!
	before=$(asked "$tmp/slow.ledger")
	for _ in $(seq 400); do [ "$(asked "$tmp/slow.ledger")" -gt $((before + 12)) ] && break; sleep 0.02; done
	sleep 0.3 # until status.json knows of some
	kill -$sig $pid
	wait $pid 2>/dev/null && fail "it was done before SIG$sig"
	adds_up runs/slow/status.json 0 >/dev/null || fail "after SIG$sig"
done
"$OUTCROSS" run slow.yaml -q >out 2>err || fail "resumed: $(cat err)"
total=$(adds_up runs/slow/status.json 0) || fail "resumed: $(cat runs/slow/status.json)"
replies=$(grep -c '^paid' "$tmp/slow.ledger")
lost=${total#* }
[ "${total% *}" -le "$replies" ] && [ $((${total% *} + lost)) -ge "$replies" ] && [ "$lost" -le 8 ] ||
	fail "replied and lost: $total, the server answered $replies"
# Another run of the same requests pays nothing: each is cached, over its own resume as well.
"$OUTCROSS" run slow.yaml -q -o other >out 2>err || fail "other: $(cat err)"
adds_up other/status.json "${total% *}" >/dev/null || fail "other: $(cat other/status.json)"
"$OUTCROSS" run slow.yaml -q -o other --force >out 2>err || fail "other again: $(cat err)"
adds_up other/status.json "${total% *}" >/dev/null || fail "other again: $(cat other/status.json)"
# Two recipes: the flow gives each the rows that it made, as their keys say.
sed 's/^  - arithmetic: .*/  - arithmetic: {name: first, model: writer, seeds: [sums], rows: 40, round: 20}\n  - arithmetic: {name: second, model: writer, seeds: [sums], rows: 70, round: 40, digits: 2}/' sums.yaml >two.yaml
"$OUTCROSS" run two.yaml -q >out 2>err || fail "two recipes: $(cat err)"
python3 - <<'PY'
import collections, json, subprocess
r = json.load(open("runs/two/report.json"))
came = {s["name"]: s["came"] for s in r["steps"] if s["kind"] == "recipe"}
made = collections.Counter()
files = "out/lineage/*.jsonl rejected-*.zst held-*.zst unused-*.zst"
text = subprocess.run(f"cd runs/two && for f in {files}; do case $f in *'*'*) ;; *.zst) zstd -dc $f ;; *) cat $f ;; esac; done", shell=True, capture_output=True, text=True, check=True).stdout
for line in text.splitlines():
    made[json.loads(line)["key"].split(":")[0]] += 1
assert set(came) == {"first", "second"} and min(came.values()) > 0, came
assert all(made[k] == n for k, n in came.items()) and sum(came.values()) == r["rows"]["made"], (came, made)
PY
