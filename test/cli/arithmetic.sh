#!/bin/bash
# The recipe arithmetic through the chat endpoint: single sums, and word problems with a worked
# solution. Only what the calculator finds right comes out.
. "$ROOT/test/runs.sh"
cd "$tmp"
cp "$ROOT/plans/data/sums.jsonl" .
answers=$ROOT/test/data/answers
serve SUM "$tmp/ledger.sum" --latency 2 --jitter 0.9 --answer-file "$answers/sum.txt"
serve STORY "$tmp/ledger.story" --latency 2 --jitter 0.9 --answer-file "$answers/problems.txt"
plan() { # name, variable with the address, options
	cat >"$1.yaml" <<YAML
outcross: 1
seed: 2
models: {small: {type: openai, base_env: $2, model: small, depth: 0}}
sources: {sums: {path: sums.jsonl, use: seeds, origin: real, attest: the project made them, license: CC0-1.0, id: id}}
generate:
  - arithmetic: {model: small, seeds: [sums], chat: true, round: 24, $3}
output: {format: question_answer}
YAML
}
plan sum SUM 'rows: 60, wrong: drop'
plan mended SUM 'rows: 60, wrong: repair'
plan story STORY 'rows: 12, word_problems: true'
for n in 1 2 5; do
	rm -rf .outcross
	for name in sum mended story; do
		"$OUTCROSS" run $name.yaml -q -j $n -o runs/$name$n >out 2>err || fail "$name -j $n: exit $? $(cat err)"
		check ledger runs/$name$n || fail "ledger of $name, -j $n"
		same_run runs/${name}1 runs/$name$n || fail "$name: $n threads give another result"
	done
done
: >ledger.sum
: >ledger.story
for name in sum mended story; do
	"$OUTCROSS" run $name.yaml -q -o runs/again$name >out 2>err || fail "$name again: $(cat err)"
	same_run runs/${name}1 runs/again$name || fail "$name: the second run differs"
done
[ "$(cat ledger.sum ledger.story | wc -l)" -eq 0 ] || fail "the second runs asked again"
check requests .outcross/replies >requests.jsonl
python3 - <<'PY'
import glob, json, re
def load(name):
    read = lambda d: [json.loads(l) for f in sorted(glob.glob(f"runs/{name}1/out/{d}/train-*.jsonl")) for l in open(f)]
    return list(zip(read("data"), read("lineage"))), json.load(open(f"runs/{name}1/status.json"))["rows"]
asked = [json.loads(l) for l in open("requests.jsonl")]
assert all([m["role"] for m in q["messages"]] == ["system", "user"] for q in asked)
sums, rows = load("sum")
assert len(sums) == 60 and rows["rejected"]["arithmetic.math.wrong_answer"] > 0, rows
for d, l in sums:
    assert eval(re.fullmatch(r"What is (.*)\?", d["question"])[1]) == int(d["answer"]), d
    assert l["depth"] == 1 and set(l["founders"]) == set(l["parents"]) and len(l["requests"]) == 1, l
assert len({d["question"] for d, _ in sums}) == 60
mended, rows = load("mended")
assert len(mended) == 60 and not rows["rejected"].get("arithmetic.math.wrong_answer"), rows
assert all(eval(d["question"][8:-1]) == int(d["answer"]) for d, _ in mended)
edited = [l for _, l in mended if l.get("edits")]
assert edited and all(l["origin"] == "synthetic" and "math" in l["edits"][0]["by"] for l in edited), edited[:1]
stories, rows = load("story")
assert len(stories) == 12 and rows["rejected"]["arithmetic.math.wrong_step"] > 0, rows
for d, l in stories:
    assert d["question"].endswith("?") or "hard." in d["question"], d
    assert "Problem:" not in d["question"] and d["answer"].endswith("#### 43") and "6 * 8 = 48" in d["answer"], d
    assert l["params"]["max_tokens"] == 320 and l["depth"] == 1, l
PY

# A sign that is none is refused; rows that did not come are spoken of, and why.
plan wrong SUM 'rows: 5, operations: ["+", "%"]'
rc=0; "$OUTCROSS" plan wrong.yaml >out 2>err || rc=$?
[ $rc -eq 2 ] && grep -q '`operations` of recipe arithmetic cannot be `%`; it is one of: + - \* /' err || fail "a sign that is none: $rc $(cat err)"
plan few SUM 'rows: 60, terms: 5, max_requests: 24'
"$OUTCROSS" run few.yaml >out 2>err || fail "few: $(cat err)"
grep -q '^warning: arithmetic: 0 of 60 rows were kept after 24 requests: raise' err || fail "nothing said of rows that did not come: $(cat err)"
"$OUTCROSS" report runs/few --part recipes >out
grep -q 'of the kind asked for  *0 (0.0 %)' out && grep -q '60 rows were asked for, and 0 came of 24 requests' out || fail "report: $(cat out)"
grep -q '60 rows were asked for, and 0 came of' runs/few/report.html || fail "report.html says nothing of rows that did not come"
# A row inherits every licence of the rows it was made from, in one order; and that one had none.
for n in one two three; do sed 's/"id": [0-9]*, //' sums.jsonl >$n.jsonl; done
cat >licences.yaml <<'YAML'
outcross: 1
models: {small: {type: openai, base_env: SUM, model: small, depth: 0}}
sources:
  one: {path: one.jsonl, origin: real, attest: me, license: MIT}
  two: {path: two.jsonl, license: CC0-1.0}
  three: {path: three.jsonl}
holdout: none
generate:
  - arithmetic: {name: ab, model: small, seeds: [one, two], chat: true, rows: 20}
  - arithmetic: {name: abc, model: small, seeds: [one, two, three], chat: true, rows: 20, shown: 20}
YAML
"$OUTCROSS" run licences.yaml -q >out 2>err || fail "licences: $(cat err)"
python3 - <<'PY'
import collections, json
n = collections.Counter((l.get("recipe"), l["key"].split(":")[0], l["source"].get("license")) for l in map(json.loads, open("runs/licences/out/lineage/train-00000-of-00001.jsonl")))
got = {k[1:] for k in n if k[0]}
assert ("ab", "CC0-1.0 AND MIT") in got and ("abc", "CC0-1.0 AND MIT AND NOASSERTION") in got, n
assert {x for _, x in got} <= {"CC0-1.0", "MIT", "CC0-1.0 AND MIT", "CC0-1.0 AND MIT AND NOASSERTION"}, n
PY
