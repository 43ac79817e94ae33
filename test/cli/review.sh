#!/bin/bash
# outcross review: the queue, the log, what each mode of `review:` lets through, the screen.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "review: $*" >&2; exit 1; }
cd "$tmp"
for i in $(seq 100 139); do echo "{\"question\": \"How many legs do $i cows have?\", \"answer\": \"$((4 * i))\"}"; done >real.jsonl
for i in $(seq 200 259); do echo "{\"question\": \"How many wings do $i bees have?\", \"answer\": \"$((4 * i))\"}"; done >made.jsonl
plan() { # name, review, curate
	cat >"$1.yaml" <<END
outcross: 1
name: $1
sources:
  real: {type: jsonl, path: real.jsonl, origin: real, collected: 2020}
  made: {type: jsonl, path: made.jsonl, origin: synthetic}
holdout: {min: 4, share: 0.1}
curate: [$3]
review: $2
END
}
key() { python3 -c 'import json,sys; print(sum(json.loads(l)["origin"]!="real" for f in sys.argv[1:] for l in open(f)))' "$@"; }

# undecided: held rows wait, everything else goes out.
plan undecided undecided '{hold: {field: answer, equals: "804"}}, {hold: {name: two, field: answer, equals: "808"}}'
"$OUTCROSS" run undecided.yaml -q >out
grep -q '2 rows wait for people' out || fail "$(cat out)"
R=runs/undecided
[ "$("$OUTCROSS" review $R --list | wc -l)" -eq 2 ] || fail "--list"
"$OUTCROSS" review $R --list | python3 -c '
import json,sys
r=[json.loads(l) for l in sys.stdin]
assert r[0]["key"]=="made:1" and r[0]["rule"]=="unchecked" and r[0]["nearest"]["key"].startswith("real:"), r[0]
assert r[1]["step"]=="two", r[1]'
[ "$(key $R/out/lineage/train-*)" -eq 58 ] || fail "58 made rows should be out"
# Lines: an edit that is no object is refused, undo takes back, the log has every event.
printf 'e [1]\ne {"question": "x", "question": "y"}\na\nu\nx 2\ne { "question": "How many wings have 202 bees?", "answer": "808" }\n' |
	"$OUTCROSS" review $R --by ann --finish -q >out 2>err || fail "finish: $(cat err)"
[ "$(grep -c '^not saved: ' out)" -eq 2 ] || fail "bad edits were taken"
python3 - <<'END'
import json
e = [json.loads(l) for l in open("runs/undecided/reviews.jsonl")]
assert [x["decision"] for x in e] == ["accept", "undo", "reject", "edit"], e
assert [x["seq"] for x in e] == [1, 2, 3, 4] and e[1]["of"] == 1
assert e[2]["reason"] == "not understandable" and e[2]["by"] == "ann"
assert e[3]["before"]["question"] != e[3]["after"]["question"]
rows = [json.loads(l) for l in open("runs/undecided/out/data/train-00000-of-00001.jsonl")]
line = [json.loads(l) for l in open("runs/undecided/out/lineage/train-00000-of-00001.jsonl")]
assert not any(x["key"] == "made:1" for x in line), "a refused row is out"
i = [x["key"] for x in line].index("made:2")
assert rows[i]["question"] == "How many wings have 202 bees?" and line[i]["review"]["decision"] == "edit"
assert line[i]["origin"] == "synthetic" and line[i]["edits"][0]["by"] == "ann", line[i]
r = json.load(open("runs/undecided/report.json"))["review"]
assert (r["seen"], r["defects"], r["waiting"]) == (2, 2, 0) and abs(r["low"] - 0.025 ** 0.5) < 1e-9 and r["high"] == 1, r
END

# A later sitting takes back what a run has taken over already: the row waits again, the log grows.
echo u | "$OUTCROSS" review $R --by bob >out 2>err && grep -q 'none of your decisions' out err ||
	grep -q 'no row waits' err || fail "bob takes ann's back: $(cat out err)"
lines=$(wc -l <$R/reviews.jsonl)
echo u | "$OUTCROSS" review $R --by ann --finish -q >out 2>err || fail "undo: $(cat err)"
grep -q 'taken back: made:2, edited on 20..-..-..; it waits again' out || fail "undo says: $(cat out)"
[ "$(wc -l <$R/reviews.jsonl)" -eq $((lines + 1)) ] || fail "the log was not appended to"
"$OUTCROSS" review $R --list | grep -q '"key":"made:2"' || fail "made:2 does not wait again"
[ "$(key $R/out/lineage/train-*)" -eq 58 ] || fail "made:2 is out still"
printf 'e { "question": "How many wings have 202 bees?", "answer": "808" }\n' |
	"$OUTCROSS" review $R --by ann --finish -q >out
[ "$(key $R/out/lineage/train-*)" -eq 59 ] || fail "made:2 was edited again"

# A decision holds for the bytes people saw: another row under the same key is asked again.
sed -i '2s/wings/feet/' made.jsonl
mkdir again && cp $R/reviews.jsonl again/
cp undecided.yaml again.yaml && sed -i 's/^name: .*/name: again/' again.yaml
mkdir -p runs && "$OUTCROSS" run again.yaml -q >/dev/null && cp again/reviews.jsonl runs/again/
[ "$("$OUTCROSS" review runs/again --list | grep -o '"key":"made:[0-9]*"' | sort -u | head -1)" = '"key":"made:1"' ] || fail "made:1 changed and must wait"
"$OUTCROSS" review runs/again --list | grep -q '"key":"made:2","hash"' && fail "made:2 is decided"

# all: no machine-made row that nobody saw reaches out/.
plan all all ''
"$OUTCROSS" run all.yaml -q >/dev/null
[ "$(key runs/all/out/lineage/train-*)" -eq 0 ] || fail "all: unseen rows are out"
[ "$("$OUTCROSS" review runs/all --list | wc -l)" -eq 60 ] || fail "all: 60 must wait"
printf 'a\na\nx\nq\n' | "$OUTCROSS" review runs/all --by ann --finish -q >/dev/null
[ "$(key runs/all/out/lineage/train-*)" -eq 2 ] || fail "all: two were accepted"
grep -q '"held":57' runs/all/report.json || fail "all: 57 must wait"

# sample: nothing unseen goes out before the sample is seen; a clean sample lets all through, a bad one is exit 1.
plan sample '{mode: sample, confidence: 0.9, limit: 0.1}' ''
"$OUTCROSS" run sample.yaml -q >/dev/null
[ "$("$OUTCROSS" review runs/sample --list | wc -l)" -eq 22 ] || fail "sample: ln(0.1)/ln(0.9) = 21.9 rows must be seen"
"$OUTCROSS" review runs/sample --list >first
[ "$(key runs/sample/out/lineage/train-*)" -eq 0 ] || fail "sample: unseen rows are out"
cp -r runs/sample bad
(for i in $(seq 10); do echo a; done) | "$OUTCROSS" review runs/sample --by ann --finish -q >/dev/null
[ "$(key runs/sample/out/lineage/train-*)" -eq 10 ] || fail "sample: only the 10 accepted rows"
"$OUTCROSS" review runs/sample --list >rest
[ "$(wc -l <rest)" -eq 12 ] && tail -n 12 first | cmp -s - rest || [ "$(sort first rest | uniq -d | wc -l)" -eq 12 ] || fail "sample: another sample was drawn"
yes a | head -12 | "$OUTCROSS" review runs/sample --by ann --finish -q >/dev/null
[ "$(key runs/sample/out/lineage/train-*)" -eq 60 ] || fail "sample: a clean sample lets all through"
rm -rf runs/sample && mv bad runs/sample
rc=0; (echo x 1; for i in $(seq 21); do echo a; done) | "$OUTCROSS" review runs/sample --by ann --finish -q >/dev/null 2>err || rc=$?
[ $rc -eq 1 ] && grep -q 'found 1 bad rows in a sample of 22' err || fail "gate: $rc $(cat err)"

# An edit goes through the plan's checks that cost nothing; who insists stands in the pedigree.
cat >checked.yaml <<'END'
outcross: 1
name: checked
sources:
  real: {type: jsonl, path: plus.jsonl, origin: real, collected: 2020}
  sums: {type: jsonl, path: sums.jsonl, origin: synthetic}
holdout: {min: 4, share: 0.1}
verify: [{math: {answer: answer, question: question}}]
curate: [{words: {field: question, min: 4}}, {hold: {field: answer, equals: "12"}}]
review: undecided
END
for i in 5 6 7 8; do echo "{\"question\": \"What is $i + $((12 - i))?\", \"answer\": \"12\"}"; done >sums.jsonl
for i in $(seq 20 59); do echo "{\"question\": \"What is $i + 7?\", \"answer\": \"$((i + 7))\"}"; done >plus.jsonl
"$OUTCROSS" run checked.yaml -q >/dev/null
[ "$("$OUTCROSS" review runs/checked --list | wc -l)" -eq 4 ] || fail "checked: four must wait"
printf '%s\n' 'e {"question": "What is 5 + 8?", "answer": "12"}' 'e {"question": "5 + 8", "answer": "13"}' \
	'e {"question": "What is 5 + 8?", "answer": "13"}' 'e {"question": "What is 6 + 7?", "answer": "14"}' \
	'E {"question": "What is 6 + 7?", "answer": "14"}' q |
	"$OUTCROSS" review runs/checked --by ann --finish -q >out 2>err || fail "checked: $(cat err)"
[ "$(grep -c '^not saved: math/' out)" -eq 2 ] || fail "checked: math said nothing: $(grep '^not' out)"
[ "$(grep -c '^not saved: words/' out)" -eq 1 ] || fail "checked: words said nothing: $(grep '^not' out)"
python3 - <<'PY'
import json
e = [json.loads(l) for l in open("runs/checked/reviews.jsonl")]
assert len(e) == 2 and "against" not in e[0] and e[1]["against"].startswith("math/"), e
line = [json.loads(l) for l in open("runs/checked/out/lineage/train-00000-of-00001.jsonl")]
line = {x["key"]: x for x in line}
assert "against" not in line["sums:0"]["review"] and line["sums:1"]["review"]["against"].startswith("math/"), line
PY

# none: what is undecided is dropped, not kept in silence.
plan none none '{hold: {field: answer, equals: "804"}}'
"$OUTCROSS" run none.yaml -q >/dev/null
[ "$(key runs/none/out/lineage/train-*)" -eq 59 ] && grep -q '"rejected":1' runs/none/report.json || fail none

rc=0; "$OUTCROSS" review . 2>err || rc=$?
[ $rc -eq 3 ] && grep -q 'has no review-queue.jsonl' err || fail "no run: $rc $(cat err)"

# The screen: keys, the editor, and the terminal as it was before, also after a signal.
plan screen all ''
"$OUTCROSS" run screen.yaml -q >/dev/null
python3 - <<'END'
import fcntl, json, os, pty, select, signal, struct, subprocess, termios, time
def drive(keys, sig=None, editor="sed -i s/wings/legs/"):
    pid, fd = pty.fork()
    if pid == 0:
        time.sleep(0.2)
        os.environ["EDITOR"] = editor
        os.environ.pop("VISUAL", None)
        os.execv(os.environ["OUTCROSS"], ["outcross", "review", "runs/screen", "--by", "ann"])
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    out = b""
    def until(done, limit=20):
        nonlocal out
        end = time.time() + limit
        while time.time() < end:
            if select.select([fd], [], [], 0.05)[0]:
                try: out += os.read(fd, 65536)
                except OSError: return
            elif done(): return
    shown = lambda n: (lambda: out.count(b"q quit") >= n)
    until(shown(1))
    for i, k in enumerate(keys):
        os.write(fd, k.encode()); before = len(out)
        until(lambda: len(out) > before, 3)
    if sig: os.kill(pid, sig)
    flags = None
    end = time.time() + 10
    while time.time() < end:
        until(lambda: True, 0.1)
        got, status = os.waitpid(pid, os.WNOHANG)
        if got: break
    else:
        os.kill(pid, signal.SIGKILL); raise SystemExit("the screen hangs: %r" % out[-600:])
    return out.decode(), os.waitstatus_to_exitcode(status), termios.tcgetattr(fd)[3] & (termios.ICANON | termios.ECHO)
text, status, flags = drive(["a", "x", "1", "\r", "e", " ", "u", "q"])
assert status == 0 and flags == termios.ICANON | termios.ECHO, (status, flags)
assert "NEAREST REAL real:" in text and " | " in text and "row 1 of 60" in text
e = [json.loads(l) for l in open("runs/screen/reviews.jsonl")]
assert [x["decision"] for x in e] == ["accept", "reject", "edit", "skip", "undo"], e
assert e[1]["reason"] == "wrong" and e[2]["after"]["question"].startswith("How many legs"), e
# The next sitting: u takes the edit back, then the refusal, and shows them.
text, status, flags = drive(["u", "u", "q"])
e = [json.loads(l) for l in open("runs/screen/reviews.jsonl")]
assert status == 0 and [x.get("of") for x in e[5:]] == [3, 2], (status, e)
assert "taken back: made:2, edited on" in text and "(wrong)" in text and "row 2 of 60" in text, text
text, status, flags = drive([], signal.SIGTERM)
assert status == 143 and flags == termios.ICANON | termios.ECHO, (status, flags)
# An edit that is no JSON is not saved, and the screen says so.
text, status, flags = drive(["e", "q"], editor="sed -i s/{/[/")
assert status == 0 and "not saved: " in text, (status, text[-400:])
assert len(open("runs/screen/reviews.jsonl").readlines()) == len(e)
# Behind the last row a slip at that row can be mended; Enter ends.
subprocess.run("yes a | head -58 | $OUTCROSS review runs/screen --by ann -q >/dev/null", shell=True, check=True)
text, status, flags = drive(["a"] + ["u", "x", "\r", "\r", "n\r"])
e = [json.loads(l) for l in open("runs/screen/reviews.jsonl")]
assert status == 0 and [x["decision"] for x in e[-3:]] == ["accept", "undo", "reject"], (status, e[-4:])
assert "No row waits any more" in text and flags == termios.ICANON | termios.ECHO
END

# A finished run is written again when --force says so; the rows are the same, and legs are no more.
plan again2 none ''
"$OUTCROSS" run again2.yaml -q >/dev/null && cp -r runs/again2/out out.before
[ ! -e runs/again2/work ] || fail "work is left"
"$OUTCROSS" run again2.yaml -q --force >/dev/null 2>err || fail "--force: $(cat err)"
diff -r out.before/data runs/again2/out/data && diff -r out.before/lineage runs/again2/out/lineage || fail "--force wrote other rows"
[ ! -e runs/again2/work ] || fail "work is left"
