#!/bin/bash
# Bad input at run level: one clear sentence each, what, where and what to do; the right exit status;
# rows that cannot be read are rejected with their bytes, or end the run.
. "$ROOT/test/runs.sh"
cd "$tmp"
P='outcross: 1\nmax_row: 1KB\nsources: {r: {path: FILE, origin: real, attest: me, id: id}}\n'
number=0
# bad STATUS PATTERN PLAN: how a run of the plan must end.
bad() {
	number=$((number + 1))
	printf "$3" >bad$number.yaml
	rc=0; timeout 60 "$OUTCROSS" run bad$number.yaml -q >out 2>err || rc=$?
	[ $rc -eq "$1" ] || fail "exit $rc instead of $1 for '$2': $(cat err)"
	[ "$(wc -l <err)" -eq 1 ] || fail "not one sentence for '$2': $(cat err)"
	grep -q -- "$2" err || fail "expected '$2', got: $(cat err)"
}
# good NAME: a run that succeeds; what it kept is in kept, what fell in fell, its talk in err.
good() {
	local name=good-${1%.*}
	file "$1" >"$name.yaml"
	"$OUTCROSS" run "$name.yaml" >out 2>err || fail "$1: exit $? $(cat err)"
	check ledger "runs/$name" || fail "$1: ledger"
	cat "runs/$name"/out/data/*.jsonl >kept
	: >fell
	for f in "runs/$name"/rejected-*.zst; do [ ! -e "$f" ] || zstd -dcq "$f" >>fell; done
}
file() { printf "${P/FILE/$1}"; }

bad 3 'r: ./missing.jsonl: cannot read: No such file or directory (check the path)' "$(file missing.jsonl)"
: >empty.jsonl
bad 3 'r: there are no rows in it' "$(file empty.jsonl)"
mkdir folder.jsonl
bad 3 'folder.jsonl' "$(file folder.jsonl)"
if [ "$(id -u)" -ne 0 ]; then
	echo '{"text":"a"}' >locked.jsonl && chmod 0 locked.jsonl
	bad 3 'locked.jsonl: .*Permission denied' "$(file locked.jsonl)"
fi
for i in 1 2 3 4 5 6; do echo "{\"text\":\"row $i\"}"; done >seven.jsonl
printf '{"text": broken}\n{"text":"row 8"}\n' >>seven.jsonl
good seven.jsonl
[ "$(wc -l <kept)" -eq 7 ] && grep -q 'seven.jsonl:7: byte 9: ' fell || fail "line 7: $(cat fell)"
bad 3 'seven.jsonl:7: byte 9: .*on_bad_row: stop' "on_bad_row: stop\n$(file seven.jsonl)"
"$OUTCROSS" status runs/bad$number | grep -q '^  r: row 7 of seven.jsonl: bad_json ' || fail "status: no word on why: $("$OUTCROSS" status runs/bad$number)"
printf 'No JSON.\n\nNone here.\n' >prose.jsonl
bad 3 'none of the 2 rows can be read' "$(file prose.jsonl)"
bad 3 'none of the 2 rows can be read' "holdout: none\n$(file prose.jsonl)"
printf '{"text":"short"}\n{"text":"%03000d"}\n{"text":"after"}\n' 0 >long.jsonl
good long.jsonl
[ "$(wc -l <kept)" -eq 2 ] && grep -q 'long.jsonl:2: the row has 3011 bytes, max_row is 1000' fell && grep -q '"offset":17,"len":3011' fell || fail "max_row: $(cat fell)"
printf '{"text":"one"}\n{"text":"bad \xff byte"}\n{"text":"two"}\n' >utf8.jsonl
good utf8.jsonl
[ "$(wc -l <kept)" -eq 2 ] && grep -q 'utf8.jsonl:2: byte 13: .*UTF-8' fell && grep -q "\"$(sed -n 2p utf8.jsonl | tr -d '\n' | base64 -w0)\"" fell || fail "UTF-8: $(cat fell)"
printf '{"text":"one"}\n{"text":"nul \0 byte"}\n{"text":"escaped \\u0000"}\n' >nul.jsonl
good nul.jsonl
[ "$(wc -l <kept)" -eq 2 ] && grep -q 'nul.jsonl:2: byte 13: a NUL byte' fell || fail "NUL: $(cat fell)"
printf '\xef\xbb\xbf{"text":"one"}\r\n{"text":"two"}\r\n' >bom.jsonl
good bom.jsonl
printf '{"text":"one"}\n{"text":"two"}\n' | cmp - kept || fail "BOM and CRLF: $(cat kept)"
printf '{"id":1,"text":"a"}\n{"id":2,"text":"b"}\n{"id":1,"text":"c"}\n' >ids.jsonl
good ids.jsonl
[ "$(wc -l <kept)" -eq 3 ] && grep -q '^warning: ids came again 1 times, first `1` again in row r:2: ' err || fail "duplicate ids: $(cat err)"
printf '{"n":1e999,"m":123456789012345678901234567890,"k":0.1000,"text":"x"}\n' >big.jsonl
good big.jsonl
cmp big.jsonl kept || fail "big numbers: $(cat kept)"
printf 'a,b\n1,2\n3\n4,5,6\n"7",8\n' >ragged.csv
good ragged.csv
[ "$(wc -l <kept)" -eq 2 ] && grep -q 'ragged.csv:3: 2 columns expected, 1 found' fell && grep -q 'ragged.csv:4: 2 columns expected, 3 found' fell || fail "ragged: $(cat fell)"
bad 3 'ragged.csv:3: 2 columns expected' "on_bad_row: stop\n$(file ragged.csv)"
for i in $(seq 500); do echo "{\"text\":\"row $i $RANDOM\"}"; done | gzip | head -c 1500 >torn.jsonl.gz
bad 3 'torn.jsonl.gz' "$(file torn.jsonl.gz)"

# Plans.
R='outcross: 1\nsources: {r: {path: bom.jsonl, origin: real, attest: me}}\n'
bad 2 ':4:15: unknown key `tresh` in stage novelty; did you mean `threshold`?' "${R}curate:\n  - novelty: {tresh: 0.7}\n"
bad 2 ':2:7: put quotes around text that holds {{ }}' 'outcross: 1\nname: {{ x }}\n'
G='generate: [arithmetic: {model: m, seeds: [r], rows: 5}]\n'
unset NO_SUCH_KEY NO_SUCH_BASE
bad 7 'NO_SUCH_KEY' "${R}models: {m: {type: openai, base: \"http://127.0.0.1:9/v1\", model: x, key_env: NO_SUCH_KEY}}\n$G"
bad 7 'NO_SUCH_BASE' "${R}models: {m: {type: openai, base_env: NO_SUCH_BASE, model: x}}\n$G"
bad 5 'http://127.0.0.1:9/v1.*[Cc]onnect' "${R}models: {m: {type: openai, base: \"http://127.0.0.1:9/v1\", model: x, tries: 2}}\n$G"
rc=0; "$OUTCROSS" run bad$number.yaml >out 2>err || rc=$?
[ $rc -eq 5 ] && [ "$(wc -l <err)" -eq 1 ] && grep -q 'is the server running' err || fail "a dead endpoint is not one sentence: $rc $(cat err)"
# A libcurl that is none: only those who ask an endpoint meet it.
mkdir broken && echo junk >broken/libcurl.so.4
export LD_LIBRARY_PATH=$tmp/broken
bad 7 'cannot load libcurl.*setup/system.sh' "${R}models: {m: {type: openai, base: \"http://127.0.0.1:9/v1\", model: x}}\n$G"
"$OUTCROSS" doctor | grep -q '^-- *endpoints .*libcurl' || fail "doctor does not say that libcurl is broken"
unset LD_LIBRARY_PATH
head -c 5000 /dev/zero >not.gguf
bad 3 'not.gguf' "${R}models: {m: {type: gguf, path: not.gguf}}\n$G"

# Folders.
printf "$R" >plan.yaml
mkdir other && echo mine >other/notes.txt
rc=0; "$OUTCROSS" run plan.yaml -q -o other >out 2>err || rc=$?
[ $rc -eq 2 ] && grep -q 'other: exists and holds no run of this plan: choose another folder' err && [ "$(ls other)" = notes.txt ] || fail "a folder with other things: $rc $(cat err)"
rc=0; "$OUTCROSS" run plan.yaml -q -o bom.jsonl >out 2>err || rc=$?
[ $rc -eq 2 ] && [ -s bom.jsonl ] || fail "a file for a folder: $rc $(cat err)"
mkdir empty && "$OUTCROSS" run plan.yaml -q -o empty >out 2>err || fail "an empty folder: $(cat err)"
if [ "$(id -u)" -ne 0 ]; then
	mkdir readonly && chmod 555 readonly
	rc=0; "$OUTCROSS" run plan.yaml -q -o readonly/run >out 2>err || rc=$?
	[ $rc -eq 4 ] && grep -q 'readonly/run.*Permission denied' err || fail "no permission: $rc $(cat err)"
fi
rc=0; "$OUTCROSS" run plan.yaml -q -o /proc/nowhere/run >out 2>err || rc=$?
[ $rc -eq 4 ] && [ "$(wc -l <err)" -eq 1 ] || fail "a folder that cannot be made: $rc $(cat err)"

# Bash lets what it starts with & ignore Ctrl-C.
ctrl_c_able() { exec python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$@"; }
rc=0; "$OUTCROSS" run plan.yaml -q --show nope >out 2>err || rc=$?
[ $rc -eq 2 ] && grep -q 'no step `nope` under `generate`' err || fail "--show of nothing: $rc $(cat err)"
# Two at once in one folder.
cp -r "$ROOT/plans" plans
cd plans
serve SUMS_BASE "$tmp/ledger" --answer sums --latency 200
"$OUTCROSS" run sums.yaml -q -o "$tmp/whole" >out 2>err || fail "$(cat err)"
rm -rf .outcross
: >"$tmp/ledger"
ctrl_c_able "$OUTCROSS" run sums.yaml -q >out 2>err &
first=$!
for _ in $(seq 100); do [ "$(grep -c ^paid "$tmp/ledger")" -lt 10 ] || break; sleep 0.05; done
rc=0; "$OUTCROSS" run sums.yaml -q >out2 2>err2 || rc=$?
[ $rc -eq 4 ] && grep -q 'another outcross is running in this folder' err2 || fail "two at once: $rc $(cat err2)"

# Ctrl-C once: what is in flight is heard, the state is valid, 130, and the rest follows.
kill -INT $first
rc=0; wait $first || rc=$?
[ $rc -eq 130 ] || fail "Ctrl-C: exit $rc: $(cat err)"
python3 -c "
import json
s = json.load(open('runs/sums/status.json'))
assert s['state'] == 'stopped' and s['requests']['in_flight'] == 0, s
assert 0 < s['requests']['replied'] < 192, s"
[ "$(grep -c ^paid "$tmp/ledger")" -eq "$(check store .outcross/replies | awk '{ print $2 }')" ] || fail "Ctrl-C lost replies"
[ ! -e runs/sums/out/data ] || fail "Ctrl-C: half an output"
"$OUTCROSS" run sums.yaml -q >out 2>err || fail "after Ctrl-C: $(cat err)"
same_run "$tmp/whole" runs/sums || fail "after Ctrl-C: another result"
awk '/^paid/ && paid[$2]++ { exit 1 }' "$tmp/ledger" || fail "after Ctrl-C: paid twice"
# Twice: now, although answers take long.
stop_server SUMS_BASE
rm -rf .outcross runs
serve SUMS_BASE "$tmp/ledger" --answer sums --latency 20000
ctrl_c_able "$OUTCROSS" run sums.yaml -q >out 2>err &
first=$!
# While nothing comes back, the status goes on telling what is awaited.
for _ in $(seq 100); do ! grep -q '"phase":"generate".*"in_flight":[1-9]' runs/sums/status.json 2>/dev/null || break; sleep 0.1; done
grep -q '"phase":"generate".*"in_flight":[1-9]' runs/sums/status.json || fail "a silent wait: $(cat runs/sums/status.json)"
kill -INT $first
sleep 0.3
kill -0 $first || fail "one Ctrl-C did not wait for what is in flight"
kill -INT $first
before=$SECONDS
rc=0; wait $first || rc=$?
[ $rc -eq 130 ] && [ $((SECONDS - before)) -le 3 ] || fail "Ctrl-C twice: exit $rc after $((SECONDS - before)) s: $(cat err)"
stop_server SUMS_BASE
serve SUMS_BASE "$tmp/ledger" --answer sums
"$OUTCROSS" run sums.yaml -q >out 2>err || fail "after Ctrl-C twice: $(cat err)"
same_run "$tmp/whole" runs/sums || fail "after Ctrl-C twice: another result"
