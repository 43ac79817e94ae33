#!/bin/bash
# plans/copies.yaml and its report: what is measured is measured on all machine-made rows, those
# that an earlier step refused included, beside held-out rows; and again on what is kept. On people's
# rows the figures are those of a judge that searches for every substring. Corpora on disk count.
. "$ROOT/test/runs.sh"
cp -r "$ROOT/plans" "$tmp/plans"
cd "$tmp/plans"
"$OUTCROSS" run copies.yaml -q >out 2>err || fail "run: $(cat err)"
python3 - runs/copies <<'END'
import glob, json, sys
report = json.load(open(sys.argv[1] + "/report.json"))
rows = lambda kind: [json.loads(l) for f in sorted(glob.glob(f"{sys.argv[1]}/out/{kind}/train-*.jsonl")) for l in open(f)]
stage = [s for s in report["stages"] if s["step"] == "copies"][0]
figure = {f["name"]: f for f in stage["figures"]}
made = sum(1 for _ in open("data/made.jsonl"))
held = report["rows"]["test"]
assert figure["rows measured"]["value"] == made, figure
assert figure["rows measured"]["heldout"] == held > 0, (figure, held)
assert "reference" not in stage
assert figure["rows with such a run"]["value"] > figure["rows with such a run"]["heldout"], figure
# What is kept has no finding left, and the sums are those of the rows.
kept = stage["kept"][0]
names = [c["name"] for c in kept["columns"]]
all_kept = dict(zip(names, kept["rows"][0]))
synthetic = [r for r in rows("lineage") if r["origin"] == "synthetic"]
assert all_kept["kept"] == len(synthetic) == report["origin"]["synthetic"]["rows"], (all_kept, len(synthetic))
assert all_kept["span beyond"] == 0 and all_kept["span most"] <= 60, all_kept
assert figure["longest run of all"]["value"] > 60, figure
# The worst pair: what is marked on the left stands on the right.
pair = stage["pairs"][0]
marked = [pair[s]["text"].encode()[at:at + n] for s in ("left", "right") for at, n in pair[s]["spans"]]
assert len(marked) == 2 and marked[0] == marked[1] and len(marked[0]) > 60, pair
for h in stage["histograms"]:
    assert sum(h["counts"]) == made and sum(h["heldout"]) == held, h
END
"$OUTCROSS" report runs/copies --part stages | grep -q 'The same scores over the rows that are kept' || fail "report --part stages"
grep -q '<mark>' runs/copies/report.html || fail "report.html marks no copy"

# exact refuses whole copies before copies looks: they are measured all the same.
sed -e 's/^  - copies:.*/  - exact: {fields: [text]}\n&/' copies.yaml >hidden.yaml
"$OUTCROSS" run hidden.yaml -q >out 2>err || fail "hidden: $(cat err)"
python3 - <<'END'
import json
first, hidden = [[s for s in json.load(open(f"runs/{r}/report.json"))["stages"] if s["part"] == "copies"][0] for r in ("copies", "hidden")]
value = lambda s: [(f["name"], f["value"]) for f in s["figures"]]
assert value(first) == value(hidden), (first["figures"], hidden["figures"])
fell = [t for t in hidden["tables"] if t["columns"][0]["name"] == "step"]
assert fell and fell[0]["rows"][0][0] == "exact" and fell[0]["rows"][0][1] > 0, hidden["tables"]
END

# The corpus that was copied from may lie outside, packed: the same answers.
gzip -k data/rows.jsonl
grep -v '^{.*}$' data/rows.jsonl >/dev/null && python3 - <<'END'
import gzip, json
def fine(l):
    try: return isinstance(json.loads(l), dict)
    except ValueError: return False
lines = [l for l in open("data/rows.jsonl", encoding="utf-8", errors="replace") if fine(l)]
open("corpus.jsonl", "w").writelines(lines)
gzip.open("corpus.jsonl.gz", "wt").writelines(lines)
END
"$OUTCROSS" curate corpus.jsonl data/made.jsonl --origin corpus=real --origin made=synthetic --json \
	--do 'copies: {field: text, min_span: 24, reference: 0}' -o a.jsonl >a.json 2>err || fail "inside: $(cat err)"
"$OUTCROSS" curate data/made.jsonl --origin made=synthetic --json \
	--do 'copies: {field: text, min_span: 24, reference: 0, against: [corpus.jsonl.gz]}' -o b.jsonl >b.json 2>err || fail "against: $(cat err)"
python3 - <<'END'
import json
a, b = [json.load(open(f))["stages"][0]["figures"] for f in ("a.json", "b.json")]
assert a == b and a[1]["value"] > 0, (a, b)
END
"$OUTCROSS" curate data/made.jsonl --do 'copies: {against: [none.jsonl]}' -o c.jsonl 2>err && fail "a corpus that is not there"
printf '{"text":"fine"}\nnot a row\n' >bad.jsonl
"$OUTCROSS" curate data/made.jsonl --do 'copies: {against: [bad.jsonl]}' -o c.jsonl 2>err && fail "a corpus with a bad line"
grep -q 'bad.jsonl: line 2 is not a JSON object' err || fail "bad line: $(cat err)"

# People's rows, judged by plain search.
data=${OUTCROSS_SHARED:-$ROOT/../shared}/data/text
[ -r "$data/gsm8k_test.jsonl" ] || { echo "no gsm8k: the judge had nothing to judge"; exit 77; }
python3 - "$data" <<'END'
import json, random, sys
random.seed(3)
def read(name):
    for l in open(f"{sys.argv[1]}/{name}", encoding="utf-8"):
        r = json.loads(l)
        t = r["question"] + "\n" + r["answer"]
        if t.isascii(): yield t
people = list(read("gsm8k_test.jsonl"))[:800]
made = list(read("gsm8k_train.jsonl"))[:150]
for i in range(0, len(made), 3):
    source = random.choice(people)
    at, n, to = random.randrange(max(1, len(source) - 60)), random.randint(40, 300), random.randrange(len(made[i]))
    made[i] = made[i][:to] + source[at:at + n] + made[i][to:]
for name, list_ in (("people", people), ("synthetic", made)):
    with open(name + ".jsonl", "w") as f:
        f.writelines(json.dumps({"text": t}) + "\n" for t in list_)
END
"$OUTCROSS" curate people.jsonl synthetic.jsonl --origin people=real --origin synthetic=synthetic --json \
	--do 'copies: {field: text, min_span: 32, reference: 100}' -o d.jsonl >d.json 2>err || fail "people: $(cat err)"
python3 "$ROOT/test/copies_judge.py" d.json 32 people.jsonl synthetic.jsonl || fail "the judge says otherwise"
