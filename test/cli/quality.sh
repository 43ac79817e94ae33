#!/bin/bash
# train quality and the stage from the command line: what it says, the same file twice, errors.
set -u
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
fail() { echo "$1"; exit 1; }
for i in $(seq 600); do
	echo "{\"text\":\"The cat number $i sat quietly on mat $((i * 7 % 100)) and looked at us.\"}" >&3
	echo "{\"text\":\"WIN $i !!! click click $((i * 11 % 100)) now now <<<\"}"
done 3>good.jsonl >bad.jsonl
"$OUTCROSS" train quality --good good.jsonl --bad bad.jsonl -o m --bits 16 2>talk || fail "train: $(cat talk)"
grep -q 'AUC 1.0000 (95 % interval 0.9' talk || fail "what it says: $(cat talk)"
"$OUTCROSS" train quality --good good.jsonl --bad bad.jsonl -o n --bits 16 -j 1 --json >said 2>/dev/null || fail "json"
cmp m n || fail "two trainings differ"
grep -q '"auc":1.000000,"auc_low":0.9' said || fail "json: $(cat said)"
cat good.jsonl bad.jsonl >all.jsonl
"$OUTCROSS" curate all.jsonl --do 'quality: {model: m}' -o out.jsonl --rejected r.jsonl 2>talk || fail "curate: $(cat talk)"
cmp -s good.jsonl out.jsonl || fail "what stayed: $(cat talk)"
grep -q 'quality/quality 600' talk || fail "summary: $(cat talk)"
"$OUTCROSS" curate all.jsonl --do 'quality: {model: good.jsonl}' -o none 2>talk && fail "a model that is none"
grep -q 'outcross train quality' talk || fail "what to do: $(cat talk)"
"$OUTCROSS" train quality --good good.jsonl -o x 2>talk && fail "no bad"
grep -q 'bad' talk || fail "what is missing: $(cat talk)"
exit 0
