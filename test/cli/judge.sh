#!/bin/bash
# The stage judge through a plan: verdicts in every form a model writes them; votes; what cannot be
# read waits for people; killed and resumed, nothing is paid again but what was in flight.
. "$ROOT/test/runs.sh"
. "$ROOT/test/kill.sh"
cd "$tmp"
answers=$ROOT/test/data/answers
serve BASE "$tmp/ledger" --latency 3 --jitter 0.9 --answer-file "$answers/judge.txt"
serve VOTE "$tmp/ledger.vote" --latency 1 --answer '{{pick:Yes, because it is.|No.|{"verdict": "no"}|**Verdict**}}'
for i in $(seq 1 300); do
	echo "{\"question\":\"What is the square of $i? {{ answer }}\",\"answer\":\"$((i * i))\",\"score\":10}"
done >rows.jsonl
plan() { # name, variable with the address, judge's options
	cat >"$1.yaml" <<YAML
outcross: 1
seed: 2
models: {critic: {type: openai, base_env: $2, model: critic, concurrency: 8, max_concurrency: 8}}
sources: {rows: {path: rows.jsonl, origin: unknown}}
verify:
  - judge: {model: critic, question: "Question: {{ question }}\nAnswer: {{ answer }}", $3}
  - exact: {fields: [question]}
review: ${4:-undecided}
YAML
}
plan judge BASE 'keep: 7'
plan flag BASE 'keep: 7, below: flag, undecided: drop' none
plan vote VOTE 'verdict: yes_no, votes: 5, temperature: 0.8'
for n in 1 2 5; do
	rm -rf .outcross
	for name in judge flag vote; do
		rc=0; "$OUTCROSS" run $name.yaml -q -j $n -o runs/$name$n >out 2>err || fail "$name -j $n: exit $? $(cat err)"
		check ledger runs/$name$n || fail "ledger of $name, -j $n"
		same_run runs/${name}1 runs/$name$n || fail "$name: $n threads give another result"
	done
done
check requests .outcross/replies >requests.jsonl
: >ledger
"$OUTCROSS" run judge.yaml -q -o runs/again >out 2>err || fail "again: $(cat err)"
same_run runs/judge1 runs/again && [ "$(asked ledger)" -eq 0 ] || fail "the second run differs or asks"
python3 - <<'PY'
import glob, json, subprocess
def load(run, what):
    out = []
    for f in sorted(glob.glob(f"runs/{run}1/{what}")):
        text = subprocess.run(["zstd", "-dcq", f], capture_output=True, check=True).stdout if f.endswith("zst") else open(f, "rb").read()
        out += [json.loads(l) for l in text.splitlines()]
    return out
asked = [json.loads(l) for l in open("requests.jsonl")]
for q in asked:  # a row's own braces are text
    assert q["messages"][1]["content"].count("{{ answer }}") == 1 and len(q["messages"]) == 2, q
verdict = lambda l: next(v for v in l["verdicts"] if v["stage"] == "judge")
kept, fell, held = load("judge", "out/lineage/train*"), load("judge", "rejected-*"), load("judge", "held-*")
assert len(kept) + len(fell) + len(held) == 300 and min(map(len, (kept, fell, held))) > 20, list(map(len, (kept, fell, held)))
assert all(len(l["requests"]) == 1 and len(l["requests"][0]) == 32 for l in kept + [r["lineage"] for r in fell + held])
for r in fell:
    v = verdict(r["lineage"])
    assert v["rule"] == "judged_low" and v["score"] == 3 and v["threshold"] == 7 and v["evidence"] == {"score": 3, "said": "Wrong."}, v
said = {verdict(r["lineage"])["evidence"]["said"] for r in held}
assert {"I cannot say", "Off the scale."} <= said and any("I say" in s for s in said) and len(said) == 3, said
assert all(verdict(r["lineage"])["rule"] == "unreadable" and r["lineage"]["origin"] == "unknown" for r in held)
flagged = load("flag", "out/lineage/train*")
assert len(flagged) == len(kept) + len(fell) and sum("verdicts" in l for l in flagged) == len(fell)
assert len(load("flag", "rejected-*")) == len(held)
yes, no, open_ = load("vote", "out/lineage/train*"), load("vote", "rejected-*"), load("vote", "held-*")
assert len(yes) + len(no) + len(open_) == 300 and yes and no and open_
assert all(len(set(l["requests"])) == 5 for l in yes)
for r in no:
    e = verdict(r["lineage"])["evidence"]
    votes = [v for v in e["votes"] if v is not None]
    assert len(e["votes"]) == 5 and len(votes) > 2 and sum(votes) / len(votes) == e["score"] < 0.5, e
for r in open_:
    v = verdict(r["lineage"])
    votes = [x for x in v["evidence"]["votes"] if x is not None]
    assert len(votes) <= 2 if v["rule"] == "unreadable" else v["rule"] == "tied" and 2 * sum(votes) == len(votes), v
PY
# A cap ends the run; with more, it goes on to the same end.
sed 's/^sources:/budget: {requests: 100}\nsources:/' judge.yaml >capped.yaml
rm -rf .outcross
: >ledger
rc=0; "$OUTCROSS" run capped.yaml -q >out 2>err || rc=$?
[ $rc -eq 1 ] && grep -q 'requests: 100 of 100' err && [ "$(asked ledger)" -eq 100 ] || fail "cap: exit $rc, $(asked ledger) asked: $(cat err)"
sed -i 's/requests: 100/requests: 1000/' capped.yaml
"$OUTCROSS" run capped.yaml -q >out 2>err || fail "going on: $(cat err)"
same_run runs/judge1 runs/capped && [ "$(asked ledger)" -eq 300 ] || fail "after the cap: $(asked ledger) asked"
# Plans that could not work say so.
wrong() { plan bad BASE "$1"; rc=0; "$OUTCROSS" run bad.yaml -q >out 2>err || rc=$?; [ $rc -eq 2 ] && grep -qF -- "$2" err || fail "$1: exit $rc: $(cat err)"; }
wrong 'votes: 3, keep: 5' 'temperature: 0.7'
wrong 'votes: 1' 'keep: 7'
paid_again=0 killed=0
kill_test flag "$tmp/ledger" 4 5
echo "$killed kills, $paid_again requests paid again"
