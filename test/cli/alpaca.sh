#!/bin/bash
# The recipe alpaca as a plan against a chat endpoint: what it asks, what it keeps, which filter
# fells the rest, who the parents are; again for nothing; the same bytes at any thread count.
. "$ROOT/test/runs.sh"
cd "$tmp"
serve BASE "$tmp/ledger" --latency 3 --jitter 0.9 --answer-file "$ROOT/test/data/answers/alpaca.txt"
cat >tasks.jsonl <<'JSON'
{"id":"bread","instruction":"Name three kinds of bread that can be baked without an oven.","input":"","output":"Flat bread, steamed buns and pan-fried soda bread."}
{"id":"thanks","instruction":"Turn the note into a polite letter of thanks.","input":"got the books. great. thx","output":"Dear friend, the books have arrived, and they are a great pleasure. Thank you."}
{"id":"odd","instruction":"Which of these does not belong with the others?","input":"oak, ash, herring, birch","output":"Herring: it is a fish, the others are trees."}
{"id":"walk","instruction":"Plan a walk of two hours for a family with a pram.","input":"","output":"Follow the level path by the canal for an hour, rest at the lock, and come back."}
{"id":"sum","instruction":"How much change does the customer get?","input":"She pays 3.20 with a note of 10.","output":"6.80"}
{"id":"story","instruction":"Go on with the story for two sentences.","input":"The lamp went out, and somebody laughed.","output":"It was my sister, who held the plug. I threw a cushion where I thought she stood."}
{"id":"mood","instruction":"Is the review pleased or displeased?","input":"I would eat there again tomorrow.","output":"Pleased."}
{"id":"title","instruction":"Find a title for a talk about moss.","input":"","output":"Small and patient: how moss takes over roofs"}
JSON
plan() { # name, seeds file, options
	cat >"$1.yaml" <<YAML
outcross: 1
seed: 3
models: {big: {type: openai, base_env: BASE, model: big, depth: 0, price: {prompt: 1, completion: 2}}}
sources: {tasks: {type: jsonl, path: $2, origin: real, attest: the test wrote them, license: CC0-1.0, id: id}}
holdout: {share: 0.1, min: 1}
generate:
  - alpaca: {model: big, seeds: [tasks], $3}
output: {format: alpaca}
YAML
}
plan small tasks.jsonl 'rows: 80, round: 16, max_tokens: 900'
steady small

check requests .outcross/replies >requests.jsonl
python3 - runs/t2 <<'PY'
import glob, json, re, subprocess, sys
run = sys.argv[1]
read = lambda f: [json.loads(l) for l in open(f)]
data, line = ([r for f in sorted(glob.glob(f"{run}/out/{d}/train-*.jsonl")) for r in read(f)] for d in ("data", "lineage"))
made = [(d, l) for d, l in zip(data, line) if l.get("recipe") == "alpaca"]
assert len(made) == 80, len(made)
seeds = {r["instruction"]: f"tasks:{i}" for i, r in enumerate(read("tasks.jsonl"))}
test = {l["key"] for f in glob.glob(f"{run}/out/lineage/test-*") for l in read(f)}
assert test and not test & {l["key"] for l in line}

# What a chat endpoint was asked: two messages, three different real tasks between ###, none of
# them held out, and where to go on.
asked = read("requests.jsonl")
shown = {}
for q in asked:
    roles = [m["role"] for m in q["messages"]]
    assert roles == ["system", "user"] and q["max_tokens"] == 900 and q["model"] == "big", q
    text = q["messages"][1]["content"]
    blocks = re.findall(r"^(\d)\. Instruction: (.*)$", text, re.M)
    assert [b[0] for b in blocks] == ["1", "2", "3"] and len({b[1] for b in blocks}) == 3, text
    assert text.count("\n###\n") == 4 and 'number 4, beginning with\n"4. Instruction:".' in text, text
    assert "{{" not in text
    keys = [next(k for i, k in seeds.items() if i.rstrip(":").replace(":", "") == b[1].replace(":", "")) for b in blocks]
    assert not set(keys) & test, "a held-out task was shown"
    shown.setdefault(frozenset(keys), []).append(q)

for d, l in made:
    assert set(d) == {"instruction", "input", "output"} and all(isinstance(v, str) for v in d.values()), d
    assert d["input"] != "<noinput>" and "###" not in "".join(d.values()) and 3 < len(d["instruction"].split()) <= 150
    assert l["origin"] == "synthetic" and l["depth"] == 1 and l["model"] == "big" and len(l["requests"]) == 1, l
    assert len(l["parents"]) == 3 and sorted(l["parents"]) == l["founders"] and frozenset(l["parents"]) in shown, l
    assert l["source"]["license"] == "CC0-1.0" if "license" in l.get("source", {}) else True
    assert l["params"]["temperature"] == 1 and l["params"]["max_tokens"] == 900, l
    assert l["key"].startswith("alpaca:") and l["hash"]
ids = {l["requests"][0] for _, l in made}
assert 10 < len(ids) <= len(asked), (len(ids), len(asked))

# Every filter fired.
status = json.load(open(f"{run}/status.json"))
fell = status["rows"]["rejected"]
for want in ("words.too_short", "words.blacklist", "words.starts_with", "words.first_punctuation",
             "words.first_not_ascii", "novelty.too_similar", "unreadable"):
    assert fell.get("alpaca." + want), (want, fell)
rows = subprocess.run(["zstd", "-dcq", *glob.glob(f"{run}/rejected-*")], capture_output=True, check=True).stdout.splitlines()
assert len(rows) == sum(fell.values())
rows = [json.loads(r) for r in rows]
assert any("Translate the word" in r["row"].get("raw", "") for r in rows)  # the block without an end
bread = [r["lineage"]["verdicts"][-1] for r in rows if r["row"].get("instruction", "").endswith("bread that can be baked on a stove.")]
assert bread and bread[0]["evidence"]["nearest"] == "tasks:0", bread  # a real task stands in the way
PY
shared=${OUTCROSS_SHARED:-$ROOT/../shared}/data/text/self_instruct_seed_tasks.jsonl
if [ -e "$shared" ]; then
	plan human "$shared" 'rows: 60, shown: 3, made: 1, round: 8, max_tokens: 900'
	for n in 1 5; do
		rm -rf .outcross
		"$OUTCROSS" run human.yaml -q -j $n -o runs/h$n >out 2>err || fail "human seeds: $(cat err)"
	done
	check ledger runs/h1 || fail "human seeds: ledger"
	same_run runs/h1 runs/h5 || fail "human seeds: threads"
	check requests .outcross/replies >requests.jsonl
	python3 - <<'PY'
import glob, json
line = [json.loads(l) for l in open("runs/h1/out/lineage/train-00000-of-00001.jsonl")]
made = [l for l in line if l.get("recipe") == "alpaca"]
assert len(made) == 60 and all(len(l["parents"]) == 3 for l in made)
by = {l["key"]: l for l in made}
mixed = [l for l in made if any(p in by for p in l["parents"])]
assert mixed, "no machine-made task was shown again"
for l in mixed:
    mine = [by[p] for p in l["parents"] if p in by]
    assert len(mine) == 1 and l["depth"] == 1 + max(m["depth"] for m in mine), l
    real = {p for p in l["parents"] if p not in by}
    assert set(l["founders"]) == real.union(*(m["founders"] for m in mine))
assert max(l["depth"] for l in made) > 2
PY
fi
