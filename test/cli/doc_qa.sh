#!/bin/bash
# The recipe doc_qa as a plan against a chat endpoint: every chunk once, and of every row kept the
# byte range in the file gives the quote back.
. "$ROOT/test/runs.sh"
cd "$tmp"
serve BASE "$tmp/ledger" --latency 3 --jitter 0.9 --answer-file "$ROOT/test/data/answers/doc_qa.txt"
cat >hives.md <<'MD'
# The hives of Överby

The oldest hive stands   behind the mill. It was woven from straw in 1874,
and no swarm has left it since the flood, which came at night and took the bridge.

Honey is taken twice: once after the limes have flowered, and again when the
heather is over. The keeper calls the second harvest "the slow one", because the
combs give way only when they are warmed.

## Winter

In winter the bees form a cluster. Those outside keep the others warm; they take
turns, and the queen stays in the middle. A hive eats about fifteen kilograms of
stores between October and March.

- Mice are kept out by a strip of tin with holes of nine millimetres.
- Damp is worse than cold: a stone under each back leg tilts the hive forward.
- Nobody knocks on a hive in January.

## Sickness

When larvae smell of glue, the keeper sends for the inspector the same day. The
frames are burnt — not buried — and the ground is limed.

Mites came to the valley in 1986. Since then each colony is treated with oxalic
acid on a day without brood, usually the shortest day of the year.

## Prices

A jar of 500 g costs 80 crowns at the gate, 95 in the town. Wax is not sold: it is
traded with the candle maker for three dozen candles a year, as it says in the
contract of 1931: "wax against light, and no coin".
MD
cat >qa.yaml <<'YAML'
outcross: 1
seed: 5
models: {big: {type: openai, base_env: BASE, model: big, depth: 0, price: {prompt: 1, completion: 2}}}
sources: {hives: {type: text, path: hives.md, by: paragraph, tokens: 60, use: seeds, origin: real, attest: the test wrote it, license: CC-BY-4.0}}
generate:
  - doc_qa: {model: big, seeds: [hives], pairs: 6}
output: {format: question_answer}
YAML
steady qa
check requests .outcross/replies >requests.jsonl
python3 - runs/t2 <<'PY'
import glob, json, subprocess, sys
run = sys.argv[1]
read = lambda f: [json.loads(l) for l in open(f)]
doc = open("hives.md", "rb").read()
data, line = ([r for f in sorted(glob.glob(f"{run}/out/{d}/train-*.jsonl")) for r in read(f)] for d in ("data", "lineage"))
made = list(zip(data, line))
asked = read("requests.jsonl")
unused = [json.loads(r) for r in subprocess.run(["zstd", "-dcq", *glob.glob(f"{run}/unused-*")], capture_output=True, check=True).stdout.splitlines()]
real = [u["lineage"] for u in unused]
assert len(asked) == len(real) > 4, (len(asked), len(real))  # every chunk once
assert not glob.glob(f"{run}/out/data/test-*") or not any(read(f) for f in glob.glob(f"{run}/out/data/test-*"))
chunks = {l["key"]: doc[l["source"]["offset"]:][:l["source"]["len"]] for l in real}
for q in asked:
    text = q["messages"][-1]["content"].split("-----")[1].strip("\n").encode()
    assert text in chunks.values(), text
assert made
seen, wrapped, quoted = set(), 0, 0
for d, l in made:
    assert set(d) == {"question", "answer"} and all(isinstance(v, str) and v for v in d.values()), d
    assert l["depth"] == 1 and l["founders"] == l["parents"] == [l["chunk"]] and l["chunk"] in chunks
    assert l["source"]["license"] == "CC-BY-4.0" and len(l["requests"]) == 1
    e = l["evidence"]
    quote = doc[e["offset"]:][:e["len"]]
    assert e["file"] == "hives.md" and quote in chunks[l["chunk"]], l
    at, n = e["in_chunk"]
    assert chunks[l["chunk"]][at:][:n] == quote
    words = quote.decode().split()
    assert len(words) in (9, 6, 5) and quote.strip() == quote, quote  # as many as the server quotes
    seen.add(l["chunk"])
    wrapped += b"\n" in quote or b"   " in quote
    quoted += b'"' in quote
assert seen == set(chunks), "a chunk without a question"
assert wrapped, "no quote runs over a line's end"
fell = json.load(open(f"{run}/status.json"))["rows"]["rejected"]
assert fell["doc_qa.no_evidence"] >= 2 * len(asked) and fell["doc_qa.incomplete"] == len(asked), fell
assert fell.get("doc_qa.exact.duplicate", 0) > 0, fell
rows = [json.loads(r) for r in subprocess.run(["zstd", "-dcq", *glob.glob(f"{run}/rejected-*")], capture_output=True, check=True).stdout.splitlines()]
for r in rows:
    if r["rule"] == "no_evidence":
        q = r["lineage"]["verdicts"][0]["evidence"]["quote"].split()
        assert len(q) < 3 or " ".join(q).encode() not in b" ".join(doc.split()), r
PY
