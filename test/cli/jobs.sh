#!/bin/bash
# curate, verify and mix on files: the door, exit statuses, standard input and output, Ctrl-C.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
fail() { echo "jobs.sh: $*"; exit 1; }
# status, words of the message, command...
refused() {
	local want=$1 says=$2 rc; shift 2
	"$OUTCROSS" "$@" >stdout 2>stderr; rc=$?
	[ $rc -eq "$want" ] || fail "$*: exit $rc, not $want: $(cat stderr)"
	grep -q -- "$says" stderr || fail "$*: does not say '$says' but: $(cat stderr)"
}

printf '%s\n' '{"id":"a",  "text":"one two three four", "n":1.50}' '{"id":"b","text":"one"}' \
	'not json' '{"id":"c","text":"one two three four","n":1.5}' >a.jsonl

# Kept rows come out byte for byte; the summary counts every loss.
"$OUTCROSS" curate a.jsonl --do words:min=2 --do exact -o out.jsonl --rejected r.jsonl \
	--verdicts v.jsonl 2>talk || fail "curate: $(cat talk)"
[ "$(cat out.jsonl)" = '{"id":"a",  "text":"one two three four", "n":1.50}' ] || fail "row changed"
grep -q '4 rows in; 1 out, 3 rejected' talk || fail "summary: $(cat talk)"
for reason in words/too_short exact/duplicate read/bad_json; do
	grep -q "$reason 1" talk || fail "summary lacks $reason: $(cat talk)"
done
grep -q "first row that cannot be read: bad_json .*a.jsonl:3: byte 0" talk || fail "no word on line 3: $(cat talk)"
[ "$(wc -l <r.jsonl)" -eq 3 ] || fail "rejected lines"
[ "$(wc -l <v.jsonl)" -eq 7 ] || fail "verdict lines"
python3 - <<'PY' || fail "verdicts or rejected rows are not what they should be"
import base64, json
v = [json.loads(l) for l in open("v.jsonl")]
assert v[0]["stages"][0]["thresholds"]["too_short"] == 2
assert v[1]["row"] == 0 and v[1]["id"] == "a" and v[1]["stage"] == "words" and v[1]["result"] == "keep"
assert v[3]["result"] == "drop" and v[3]["scores"] == {"too_short": 1}
r = [json.loads(l) for l in open("r.jsonl")]
assert base64.b64decode([x for x in r if x["rule"] == "bad_json"][0]["base64"]) == b"not json"
PY

# Both spellings of options, standard input and output, compressed files.
"$OUTCROSS" curate - --do 'words: {min: 2}' --do exact <a.jsonl 2>/dev/null | cmp - out.jsonl ||
	fail "standard input and output"
gzip -k a.jsonl && "$OUTCROSS" curate a.jsonl.gz --do 'words: min: 2' --do exact -o z.jsonl.zst 2>/dev/null ||
	fail "gz in, zst out"
"$OUTCROSS" curate z.jsonl.zst --do exact 2>/dev/null | cmp - out.jsonl || fail "zst in"

# --json: one object, on stdout when rows are elsewhere, else on stderr.
"$OUTCROSS" curate a.jsonl --do exact -o j.jsonl --json | python3 -c '
import json,sys; d=json.load(sys.stdin)["ledger"]; assert d["in"]==4 and d["train"]+d["rejected"]==4' ||
	fail "--json"
"$OUTCROSS" curate a.jsonl --do exact --json 2>json >/dev/null; python3 -m json.tool <json >/dev/null ||
	fail "--json on stderr"

# What is wrong is said before anything is written.
refused 2 'say what to do' curate a.jsonl
refused 2 'did you mean `words`' curate a.jsonl --do wrds
refused 2 'did you mean `min`' curate a.jsonl --do words:mn=2
refused 2 'exists already' curate a.jsonl --do exact -o out.jsonl
refused 2 '--output and --rejected' curate a.jsonl --do exact -o same --rejected same
refused 2 '--rejected and --verdicts' curate a.jsonl --do exact -o x --rejected same --verdicts same
refused 2 '--output and --rejected' curate a.jsonl --do exact --rejected -
[ ! -e same ] && [ ! -e x ] || fail "two files of one name"
refused 3 'nope.jsonl' curate nope.jsonl --do exact
printf 'Some prose.\n\nMore of it.\n' >prose.txt
refused 3 'none of the 2 rows can be read as jsonl.*prose.txt:1: ' curate prose.txt --do exact -o prose.jsonl
[ ! -e prose.jsonl ] || fail "output of a file of which nothing could be read"
printf 'a\tb\n1\tx, y\n' >tabs.tsv
"$OUTCROSS" curate tabs.tsv --do exact -q | grep -qx '{"a":1,"b":"x, y"}' || fail "a .tsv file"
printf 'a,b\n1,2\n7,"x\n' >open.csv
"$OUTCROSS" curate open.csv --do exact --rejected open.bad 2>/dev/null >open.out || fail "a quote that is never closed"
[ "$(grep -o bad_csv open.bad | wc -l)" -eq 2 ] || fail "one bad record, one verdict: $(cat open.bad)"
refused 2 'only once' curate - - --do exact
refused 4 'no/folder' curate a.jsonl --do exact -o no/folder/x.jsonl
refused 2 'outcross export' curate a.jsonl --do exact -o x.csv
"$OUTCROSS" curate a.jsonl --do exact -o out.jsonl --force 2>/dev/null || fail "--force"

# A mix shows itself first; a shortage is exit 1 and writes nothing.
printf '{"p":%d}\n' 1 2 3 4 >people.jsonl
"$OUTCROSS" mix a.jsonl people.jsonl --with 'rows: 4, shares: {people: 0.5}' -o m.jsonl 2>talk ||
	fail "mix: $(cat talk)"
[ "$(wc -l <m.jsonl)" -eq 4 ] && [ "$(grep -c '"p"' m.jsonl)" -eq 2 ] || fail "mix: $(cat m.jsonl)"
head -1 talk | grep -q '^source' || fail "the mix was not shown first"
# Undecided rows and rejected ones, each with their reasons.
printf '{"question":"2 + 2","answer":"5"}\n{"question":"why","answer":"4"}\n' >undecided.jsonl
"$OUTCROSS" verify undecided.jsonl --do math -o none.jsonl 2>talk || fail "verify: $(cat talk)"
grep -q '0 out, 1 undecided and not written (math/undecided 1), 1 rejected (math/wrong_answer 1);' talk ||
	fail "reasons: $(cat talk)"
rm none.jsonl
# What was asked for, what came, in the unit that was asked; a share of which there is nothing.
for i in 1 2 3 4 5 6 7 8; do echo "{\"text\":\"robot $i\"}"; done >bots.jsonl
"$OUTCROSS" mix people.jsonl bots.jsonl --origin people=real --origin bots=synthetic -n \
	--with 'rows: 10, shares: {real: 0.6}, mode: up_to' 2>talk || fail "up_to: $(cat talk)"
grep -qx 'share real: up to 6 rows, got 4 (2 fewer)' talk && grep -q '50.0% of the rows real; 4 founders' talk ||
	fail "a share that falls short: $(cat talk)"
grep -q '^bots  *synthetic, depth 1 .* 50.0%$' talk || fail "a model's rows are one generation deep: $(cat talk)"
"$OUTCROSS" mix people.jsonl bots.jsonl --origin people=real -n --json --with 'rows: 10, shares: {real: 0.6}, mode: up_to' 2>/dev/null | python3 -c '
import json,sys; m=json.load(sys.stdin)["mix"]; assert m["shares"][0] == {"share": "real", "mode": "up_to", "asked": 6, "got": 4} and m["rows"] == 8, m' ||
	fail "the mix is not in --json"
refused 1 'share "depth:3" is exactly 0.5' mix people.jsonl bots.jsonl --with 'shares: {"depth:3": 0.5}' -n
refused 1 '6 are missing' mix people.jsonl --with rows=10 -o none.jsonl
[ ! -e none.jsonl ] || fail "a shortage wrote a file"
refused 2 'NAME=real' mix people.jsonl --origin people=genuine
"$OUTCROSS" mix people.jsonl -n -o none.jsonl 2>/dev/null && [ ! -e none.jsonl ] || fail "--dry-run wrote"

# A signal: exit 128 + n, no output file, nothing temporary. (TERM: a shell script's background jobs
# ignore INT from birth.)
mkfifo endless
(for _ in $(seq 2000); do cat people.jsonl 2>/dev/null || exit; sleep 0.01; done) >endless &
feeder=$!
"$OUTCROSS" curate - --do exact -o slow.jsonl <endless 2>talk &
pid=$!
for _ in $(seq 100); do [ -e slow.jsonl.tmp ] && break; sleep 0.05; done
sleep 0.2
kill -TERM $pid
for _ in $(seq 100); do kill -0 $pid 2>/dev/null || break; sleep 0.1; done
kill -0 $pid 2>/dev/null && { kill -9 $pid $feeder; fail "did not end after a signal"; }
wait $pid; rc=$?
kill $feeder 2>/dev/null; wait $feeder 2>/dev/null
[ $rc -eq 143 ] || fail "a signal: exit $rc: $(cat talk)"
grep -q interrupted talk || fail "a signal: says $(cat talk)"
[ ! -e slow.jsonl ] || fail "a signal left a file"
ls -A | grep '^.outcross-job\|tmp$' && fail "temporary files stay"

# Started without standard streams, as by a daemon: what is said does not land in the files that took
# their numbers, and writing to what is not there is an error still.
for i in $(seq 300); do echo "{\"text\":\"one two three four five six $i\"}"; done >many.jsonl
"$OUTCROSS" curate many.jsonl --do near_dup -o open.jsonl --rejected open-r.jsonl 2>/dev/null || fail "near_dup"
"$OUTCROSS" curate many.jsonl --do near_dup -o closed.jsonl --rejected closed-r.jsonl <&- >&- 2>&- ||
	fail "without standard streams: exit $?"
cmp open.jsonl closed.jsonl && cmp open-r.jsonl closed-r.jsonl || fail "talk went into a file"
"$OUTCROSS" curate many.jsonl --do exact -q >&- 2>talk; rc=$?
[ $rc -eq 4 ] && grep -q 'cannot write' talk || fail "standard output is not there: exit $rc: $(cat talk)"
echo "jobs.sh: fine"
