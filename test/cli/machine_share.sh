#!/bin/bash
# train machine_share and the stage from the command line: what is said of a known mixture, the same
# bytes at any number of threads, a run that was killed, what it cannot tell, errors.
. "$ROOT/test/runs.sh"
. "$ROOT/test/kill.sh"
cd "$tmp"
mkdir -p data
python3 - <<'END'
import json, random
rng = random.Random(1)
words = ["w%d" % i for i in range(300)]
human = [1 / (i + 5) for i in range(300)]
machine = [h * rng.choice((0.5, 1, 1.6)) for h in human]
def rows(n, weights, **more):
    return [dict(text=" ".join(rng.choices(words, weights, k=rng.randint(20, 60))), **more) for _ in range(n)]
def put(name, rows):
    with open(f"data/{name}.jsonl", "w") as f:
        f.writelines(json.dumps(r) + "\n" for r in rows)
put("human", rows(1500, human))
put("machine", rows(1500, machine))
mixed = rows(1400, human, site="a") + rows(600, machine, site="b") + [{"text": ""}] * 3
rng.shuffle(mixed)
put("mixed", mixed)
put("foreign", [{"text": r["text"].replace("w", "f")} for r in mixed])
open("data/empty.jsonl", "w").close()
END
train() { "$OUTCROSS" train machine_share --human data/human.jsonl --machine data/machine.jsonl -o "$@"; }
train m 2>talk || fail "train: $(cat talk)"
grep -q 'told apart with AUC 0.9' talk || fail "what it says: $(cat talk)"
train n -j 1 --json >said 2>/dev/null || fail "json"
cmp m n || fail "two trainings differ"
python3 -c 'import json; c = json.load(open("said"))["calibration"]; assert len(c) == 11 and all(abs(x["share"] - x["estimate"]) < 0.1 for x in c), c' || fail "calibration"

rc=0; "$OUTCROSS" curate data/mixed.jsonl --do 'machine_share: {model: m}' --memory 1KB -o x.jsonl -q 2>talk || rc=$?
[ $rc -eq 7 ] && grep -q 'the model needs .* of memory' talk || fail "memory: $rc $(cat talk)"

for j in 1 2 5; do
	"$OUTCROSS" curate data/mixed.jsonl --do 'machine_share: {model: m, by: site}' -o "out$j" --json -j $j >"told$j" 2>/dev/null || fail "-j $j"
	cmp -s data/mixed.jsonl "out$j" || fail "-j $j: rows were changed"
	python3 -c 'import json, sys; print(json.dumps(json.load(open(sys.argv[1]))["stages"]))' "told$j" >"stages$j" || fail "-j $j: $(cat "told$j")"
	cmp stages1 "stages$j" || fail "-j $j: another result"
done
python3 - <<'END' || fail "what it measured: $(cat stages1)"
import json
stage = json.load(open("stages1"))[0]
share = stage["figures"][0]
assert share["low"] <= 0.3 <= share["high"] and share["high"] - share["low"] < 0.2, share
a, b = [[r for r in stage["tables"][0]["rows"] if r[0] == site][0] for site in "ab"]
assert a[1] == 1400 and b[1] == 600 and a[4] < 0.05 and b[5] > 0.95, (a, b)
assert "95 % interval" in stage["lead"] and "any one row" in stage["lead"], stage["lead"]
END
"$OUTCROSS" curate data/foreign.jsonl --do 'machine_share: {model: m}' -o foreign 2>talk || fail "foreign: $(cat talk)"
grep -q 'Cannot tell how much a model wrote: 100.0 % of the rows are unlike' talk || fail "foreign: $(cat talk)"
"$OUTCROSS" curate data/empty.jsonl --do 'machine_share: {model: m}' -o empty 2>talk || fail "empty: $(cat talk)"
grep -q 'Cannot tell.*0 rows with words are fewer than 100' talk || fail "empty: $(cat talk)"
"$OUTCROSS" curate data/mixed.jsonl --do 'machine_share: {model: data/human.jsonl}' -o none 2>talk && fail "a model that is none"
grep -q 'outcross train machine_share' talk || fail "what to do: $(cat talk)"

# In a plan, killed and run again: the same report.
cat >share.yaml <<'END'
outcross: 1
sources:
  rows: {path: data/mixed.jsonl, origin: real, attest: made}
  made: {path: data/machine.jsonl, origin: synthetic}
curate:
  - words: {field: text, min: 2}
  - machine_share: {model: m, field: text}
  - exact: {fields: [text]}
END
paid_again=0 killed=0
kill_test share /dev/null 4 9
"$OUTCROSS" report runs/share --part stages >said || fail "report"
grep -q 'rows are like the machine' said || fail "report: $(cat said)"
grep -q 'synthetic' said || fail "report by origin: $(cat said)"
echo "4 runs, $killed kills"
