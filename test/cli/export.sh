#!/bin/bash
# outcross export: every shape to every other that can hold it, CSV, and refusals by row number.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "export: $*" >&2; exit 1; }
cd "$tmp"
cat >rows.jsonl <<'END'
{"id": 1, "question": "2 + 3?", "answer": "5"}
{"id": 2, "question": "a \"quoted\", word", "answer": "x", "weight": 0.5}
END
for to in alpaca messages prompt_completion question_answer qa; do
	"$OUTCROSS" export rows.jsonl --to $to -o $to.jsonl -q || fail "to $to"
	[ "$(wc -l <$to.jsonl)" -eq 2 ] || fail "rows of $to"
	"$OUTCROSS" export $to.jsonl --to qa -q >back.jsonl
	python3 - $to <<'END'
import json, sys
rows = [json.loads(l) for l in open("back.jsonl")]
assert rows[0]["question"] == "2 + 3?" and rows[0]["answer"] == "5", (sys.argv[1], rows[0])
assert rows[1]["question"] == 'a "quoted", word' and rows[1]["weight"] == 0.5, (sys.argv[1], rows[1])
END
done
# As they are: the same bytes, also through .zst.
"$OUTCROSS" export rows.jsonl -q | cmp - rows.jsonl || fail "bytes changed"
"$OUTCROSS" export rows.jsonl -o rows.jsonl.zst -q && "$OUTCROSS" export rows.jsonl.zst -q | cmp - rows.jsonl || fail "zst"
# CSV with the columns of all rows.
"$OUTCROSS" export rows.jsonl -o qa.csv -q
python3 - <<'END'
import csv
rows = list(csv.DictReader(open("qa.csv", newline="")))
assert rows[0] == {"id": "1", "question": "2 + 3?", "answer": "5", "weight": ""}, rows[0]
assert rows[1]["question"] == 'a "quoted", word' and rows[1]["weight"] == "0.5"
END
# What cannot be read says why.
printf '{"text":"a"}\n{"text"\n' >torn.jsonl
rc=0; "$OUTCROSS" export torn.jsonl --to text -o torn.out 2>err || rc=$?
[ $rc -eq 3 ] && grep -q 'row 2: cannot be read: bad_json .*torn.jsonl:2: byte 7' err || fail "a row that cannot be read: $rc $(cat err)"
# What has no place is refused by number; nothing is written.
cat >chat.jsonl <<'END'
{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}
{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"d"}]}
{"other": 1}
END
rc=0; "$OUTCROSS" export chat.jsonl --to alpaca -o out.jsonl 2>err || rc=$?
[ $rc -eq 3 ] && [ ! -e out.jsonl ] && [ ! -e out.jsonl.tmp ] || fail "refusal: $rc"
grep -q 'export: row 2: .*(2 of 3 rows cannot be converted; --skip leaves them out)$' err || fail "$(cat err)"
"$OUTCROSS" export chat.jsonl --to alpaca -o out.jsonl --skip 2>err
[ "$(wc -l <out.jsonl)" -eq 1 ] && grep -q '^warning: 2 of 3 rows were left out; the first: row 2: ' err || fail "$(cat err)"
# Nothing is overwritten.
rc=0; "$OUTCROSS" export rows.jsonl -o out.jsonl 2>err || rc=$?
[ $rc -eq 2 ] && [ "$(wc -l <out.jsonl)" -eq 1 ] || fail "overwrote"
"$OUTCROSS" export rows.jsonl -o out.jsonl --force -q && [ "$(wc -l <out.jsonl)" -eq 2 ] || fail "--force"
rc=0; "$OUTCROSS" export nothing.jsonl 2>err || rc=$?
[ $rc -eq 3 ] || fail "a missing file: $rc $(cat err)"
# A run's split.
mkdir -p run/out/data && cp rows.jsonl run/out/data/train-00000-of-00001.jsonl
"$OUTCROSS" export run -q | cmp - rows.jsonl || fail "a run"
