#!/bin/bash
# plans/decontaminate.yaml says what it should of each row, at any number of threads and with its
# input cut into several files; benchmarks are read from every kind of file.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
fail() { echo "decontaminate.sh: $*"; exit 1; }

cp -r "$ROOT/plans/data" "$ROOT/plans/decontaminate.yaml" .
"$OUTCROSS" run decontaminate.yaml -o r -q >/dev/null 2>err || fail "run: $(cat err)"
python3 - <<'PY' || fail "verdicts"
import glob, json, subprocess
lines = lambda p: subprocess.run("zstdcat -f " + p, shell=True, capture_output=True, check=True).stdout.decode().splitlines()
gone = {}
for line in lines("r/rejected*"):
    row = json.loads(line)
    gone[row["lineage"]["id"]] = row["lineage"]["verdicts"][-1]["evidence"]
assert sorted(gone) == ["w0", "w1", "w2", "w3", "w5"], gone
assert [gone[k]["item"] for k in sorted(gone)] == ["q1", "q2", "q3", "q4", "q5"]
assert gone["w1"]["answer"] and gone["w3"]["answer"] and not gone["w0"]["answer"]
texts = {r["id"]: r["text"].encode() for r in map(json.loads, open("data/web.jsonl"))}
for k, e in gone.items():
    at, n = e["row_at"]
    assert texts[k][at:at + n].decode().startswith(e["text"]), e
report = json.load(open("r/report.json"))
said = json.dumps(report)
assert "Leaks by benchmark" in said and "taken for templates" in said
PY

# all rows in two files, and other numbers of threads: the same rows fall, the same bytes stay
head -7 data/web.jsonl >data/web-a.jsonl && tail -n +8 data/web.jsonl >data/web-b.jsonl
sed 's|path: data/web.jsonl|path: [data/web-a.jsonl, data/web-b.jsonl]|' decontaminate.yaml >split.yaml
"$OUTCROSS" run split.yaml -o s -q -j 1 >/dev/null 2>err || fail "split: $(cat err)"
cmp r/out/data/* s/out/data/* || fail "two files give other rows"

# asked of rows that fell before it, and not counting them: half the rows are too short, and all leak
i=0
while [ $i -lt 400 ]; do
	echo "{\"text\":\"Which river flows through Vienna? $([ $((i % 2)) = 0 ] || echo It is the Danube, as every child there knows)\"}"
	i=$((i + 1))
done >river.jsonl
cat >also.yaml <<'EOF'
outcross: 1
sources: {web: {path: river.jsonl, origin: unknown}}
holdout: {share: 0}
curate:
  - words: {field: text, min: 8}
  - decontaminate: {against: [data/quiz.jsonl], fields: [question], field: text}
EOF
for j in 1 4; do
	"$OUTCROSS" run also.yaml -o also$j -q -j $j >/dev/null 2>err || fail "also: $(cat err)"
	python3 - also$j/report.json <<'PY' || fail "what would also have fallen"
import json, sys
said = {(s["step"], s["title"]): s for s in json.load(open(sys.argv[1]))["stages"]}
(rows,) = [t["rows"] for t in said["words", "What fell"]["tables"] if "also" in t["title"]]
assert rows[0][0] == "decontaminate" and rows[0][2] == 1 and 10 < rows[0][1] < 60, rows
assert said["decontaminate", "Leaks of benchmarks"]["lead"].startswith("200 rows hold"), said
PY
done

# every kind of benchmark file
gzip -c data/quiz.jsonl >quiz.jsonl.gz
zstd -qc data/quiz.jsonl >quiz.jsonl.zst
python3 - <<'PY'
import csv, json
rows = [json.loads(l) for l in open("data/quiz.jsonl")]
json.dump(rows, open("quiz.json", "w"))
with open("quiz.csv", "w", newline="") as f:
    w = csv.DictWriter(f, rows[0])
    w.writeheader()
    w.writerows(rows)
with open("quiz.tsv", "w", newline="") as f:
    w = csv.DictWriter(f, rows[0], delimiter="\t")
    w.writeheader()
    w.writerows(rows)
json.dump([{k: v for k, v in r.items() if k != "id"} for r in rows], open("bare.json", "w"))
with open("quiz.txt", "w") as f:
    f.writelines(r["question"] + "\n" for r in rows)
PY
gzip -c quiz.tsv >quiz.tsv.gz
kinds="data/quiz.jsonl quiz.jsonl.gz quiz.jsonl.zst quiz.json quiz.csv quiz.tsv quiz.tsv.gz quiz.txt"
if "$OUTCROSS" export data/quiz.jsonl -o quiz.parquet -q 2>err; then kinds="$kinds quiz.parquet"; fi
for f in $kinds; do
	"$OUTCROSS" curate data/web.jsonl --do "decontaminate: {against: [$f], fields: [question]}" \
		-o "kept" --force 2>err || fail "$f: $(cat err)"
	md5sum <kept
done | sort -u | wc -l | grep -qx 1 || fail "the kind of the benchmark's file changes the rows"

# a pattern finds files of several kinds; rows without an id are numbered, in an array too
"$OUTCROSS" curate data/web.jsonl --do "decontaminate: {against: ['*e.json', 'quiz.*v'], fields: [question]}" \
	-o kept -f --rejected gone.jsonl 2>err || fail "pattern: $(cat err)"
python3 - <<'PY' || fail "items of a pattern"
import json
gone = [json.loads(l)["lineage"]["verdicts"][-1]["evidence"] for l in open("gone.jsonl")]
assert {e["benchmark"] for e in gone} == {"bare.json"}, gone
assert sorted({e["item"] for e in gone}) == ["1", "2", "3", "4", "5", "6"], gone
PY

# what cannot be
try() { "$OUTCROSS" curate data/web.jsonl --do "decontaminate: {$1}" -o kept --force 2>err && fail "$1"; grep -q "$2" err || fail "$1: $(cat err)"; }
try 'against: [none.jsonl]' none.jsonl
try 'against: [quiz.txt], compat: datatrove, action: cut, field: text' 'no `action: cut`'
try 'against: [quiz.txt], compat: gpt3, frequent: 3' frequencies
try 'against: []' 'names no benchmark'
try 'against: [data/quiz.jsonl], fields: [prompt]' 'no row of data/quiz.jsonl has the field `prompt`'
printf 'a,b\n1,2\n1,2,3\n' >ragged.csv
try 'against: [ragged.csv]' 'ragged.csv: line 3 is no row: 2 columns expected, 3 found'
printf '\xff\xfet\0w\0o\0' >utf16.txt
try 'against: [utf16.txt]' 'utf16.txt: line 1 holds a zero byte'
mv quiz.txt quiz.jsonl
try 'against: [quiz.jsonl]' 'quiz.jsonl: line 1 is not a JSON object.*name a file of text .txt'
exit 0
