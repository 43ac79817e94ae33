#!/bin/bash
# What costs nothing again: a comment, a step's name, the order of filters, a default spelled out, a
# new run folder, another threshold. Added rows: only theirs.
. "$ROOT/test/runs.sh"
cp -r "$ROOT/plans" "$tmp/plans"
cd "$tmp/plans"
serve_plans
"$OUTCROSS" run sums.yaml -q >out 2>err || fail "$(cat err)"
cp "$tmp/sums.ledger" before
free() { # what, plan, options: may run anew but must ask nothing
	local what=$1 plan=$2; shift 2
	"$OUTCROSS" run "$plan" -q "$@" >out 2>err || fail "$what: $(cat err)"
	cmp -s before "$tmp/sums.ledger" || fail "$what: $(diff before "$tmp/sums.ledger" | grep -c '> ask') requests were sent"
}
free "the same again" sums.yaml
[ ! -e runs/sums-2 ] || fail "the same plan made a second run"
sed 's/^outcross: 1/# a comment\noutcross: 1/' sums.yaml >sums2.yaml && mv sums2.yaml sums.yaml
free "a comment" sums.yaml
[ ! -e runs/sums-2 ] || fail "a comment made a second run"
sed -i 's/seed: 1//; s/^sources:/seed: 1\nmemory: 1GB\non_bad_row: reject\nsources:/; s/round: 48/round: 48, wrong: drop, amount: up_to/' sums.yaml
free "defaults spelled out" sums.yaml
[ ! -e runs/sums-2 ] || fail "a default made a second run: $(cat err)"
free "another folder" sums.yaml -o other
same_run runs/sums other || fail "another folder, other rows"
sed 's/- math: {/- math: {name: calculator, /; s/model: writer, seeds/name: drill, model: writer, seeds/' sums.yaml >renamed.yaml
free "steps renamed" renamed.yaml
cut -d: -f1 renamed.yaml >/dev/null
cmp runs/sums/out/data/train-00000-of-00001.jsonl runs/renamed/out/data/train-00000-of-00001.jsonl || fail "a name changed the rows"
python3 - <<'END'
text = open("sums.yaml").read()
a = "  - near_dup: {field: question, threshold: 0.95}\n"
b = "  - novelty: {field: question, threshold: 0.95}\n"
assert a + b in text
open("reordered.yaml", "w").write(text.replace(a + b, b + a))
open("threshold.yaml", "w").write(text.replace(b, b.replace("0.95", "0.5")))
END
free "filters in another order" reordered.yaml
free "another threshold" threshold.yaml
[ "$(wc -l <runs/threshold/out/data/train-00000-of-00001.jsonl)" -ne "$(wc -l <runs/sums/out/data/train-00000-of-00001.jsonl)" ] || fail "the threshold did nothing"
# More rows wanted: the first ones are not paid again.
sed 's/rows: 120/rows: 200/' sums.yaml >more.yaml
"$OUTCROSS" run more.yaml -q >out 2>err || fail "more rows: $(cat err)"
added=$(($(asked "$tmp/sums.ledger") - $(asked before)))
total=$(python3 -c "import json; s=json.load(open('runs/more/status.json'))['requests']; print(s['cached'], s['sent'])")
[ "$total" = "$(asked before) $added" ] && [ "$added" -gt 0 ] || fail "more rows: $total, $added sent, $(asked before) before"
# A seed row added: its neighbours keep their prompts; what the draw changed is paid, no more.
cp "$tmp/sums.ledger" before
cp data/sums.jsonl all.jsonl
echo '{"id": 91, "question": "What is 12 + 7?", "answer": "19"}' >>data/sums.jsonl
"$OUTCROSS" run sums.yaml -n >out 2>err || fail "-n: $(cat err)"
grep -q '^inputs of the run in ./runs/sums have changed' out && grep -q '^  + sums.jsonl [0-9]* bytes$' out && ! grep -q 'plan differs' out ||
	fail "nothing says that an input changed: $(cat out)"
"$OUTCROSS" run sums.yaml -q -o longer >out 2>err || fail "a seed more: $(cat err)"
grep '^ask' "$tmp/sums.ledger" | cut -d' ' -f2 | sort | uniq -d | grep . && fail "asked twice"
python3 - $(($(asked "$tmp/sums.ledger") - $(asked before))) <<'END'
import json, sys
r = json.load(open("longer/status.json"))["requests"]
new, all = int(sys.argv[1]), r["sent"] + r["cached"]
print("a seed row more: %d of %d requests are new" % (new, all))
assert 0 < new <= all / 4, "prompts that do not show the new row changed"
END
