# exact and near_dup on rows made to break them: linear time, no crash, sane verdicts, the same bytes
# at 1, 2 and 5 threads, and the resident size within `--memory`.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
fail() { echo "$*"; exit 1; }
command -v python3 >/dev/null || { echo "dups: python3 is not installed"; exit 77; }

python3 - <<'PY'
import json, random
random.seed(4)
def write(name, texts):
    with open(name + ".jsonl", "w", encoding="utf-8") as f:
        for t in texts:
            f.write(json.dumps({"text": t}, ensure_ascii=False) + "\n")
words = ["w%d" % i for i in range(3000)]
write("equal", ["the same words again and again in every one of the rows"] * 100000)
write("empty", [""] * 200000)
write("repeated", ["word " * 1000000, "word " * 999999, "other " * 10])
some = [random.choice(words) for _ in range(40)]
write("permutations", [" ".join(random.sample(some, len(some))) for _ in range(20000)])
write("huge", [" ".join(random.choices(words, k=6000000)), "short", " ".join(random.choices(words, k=50))])
han = [chr(c) for c in range(0x4E00, 0x4E00 + 900)]
base = "".join(random.choices(han, k=300))
write("chinese", [base, base[:280] + "".join(random.choices(han, k=20)), "".join(random.choices(han, k=300))])
thai = "".join(chr(random.randrange(0x0E01, 0x0E2F)) for _ in range(2000000))
write("thai", [thai, thai, "x"])
write("hebrew", [" ".join("".join(chr(random.randrange(0x05D0, 0x05EB)) for _ in range(5)) for _ in range(60))] * 3)
with open("invalid.jsonl", "wb") as f:
    for i in range(2000):
        f.write(b'{"text":"caf\xc3 \xff\xfe bytes %d"}\n' % (i % 7))
    f.write(b'{"text":"fine"}\n{"text":"fine"}\n')
# one in three is an earlier one with a word changed
texts = []
for i in range(6000):
    t = random.choice(texts).split() if i % 3 == 2 else random.choices(words, k=random.randrange(20, 60))
    t[random.randrange(len(t))] = random.choice(words)
    texts.append(" ".join(t))
write("mixed", texts)
PY
head -c 100000000 /dev/zero | tr '\0' x | sed 's/.*/{"text":"&"}/' >letter.jsonl
[ "$(wc -c <letter.jsonl)" -gt 100000000 ] || fail "no row of 100 MB was made"

rows() { wc -l <"$1"; }
run() { # FILE STAGE WANT: rows that must stay
	timeout 120 "$OUTCROSS" curate "$1.jsonl" --do "$2" -o out.jsonl --rejected no.jsonl -q -f 2>talk ||
		fail "$1, $2: $(tail -n 2 talk)"
	[ "$(rows out.jsonl)" -eq "$3" ] || fail "$1, $2: $(rows out.jsonl) rows stay and not $3"
}
run equal near_dup 1
run equal exact 1
run empty near_dup 200000 # no words: nothing to compare
run empty exact 1
run repeated near_dup 2
run repeated 'exact: {what: sentences}' 3
run permutations near_dup 20000
run permutations 'near_dup: {ngram: 1, threshold: 0.9}' 1
run huge near_dup 3
run huge 'near_dup: {compat: datatrove}' 2 # its numbers are all 0, so its words are all w0
run letter near_dup 1
run letter 'exact: {what: line}' 1
run chinese near_dup 2
run chinese 'exact: {what: sentences}' 3
run thai near_dup 2
run thai 'near_dup: {compat: datatrove}' 3
run hebrew near_dup 1
run invalid near_dup 1 # rows that are not UTF-8 are refused as unreadable
grep -q bad_json no.jsonl || fail "invalid UTF-8 has another reason"
run invalid exact 1

for stage in 'near_dup: {clusters: C.jsonl}' exact 'exact: {what: line}' 'near_dup: {measure: containment, clusters: C.jsonl}'; do
	for threads in 1 2 5; do
		"$OUTCROSS" curate mixed.jsonl --do "${stage/C.jsonl/$PWD/c$threads.jsonl}" -o t$threads.jsonl \
			--rejected r$threads.jsonl --threads $threads -q -f
		cmp t1.jsonl t$threads.jsonl && cmp r1.jsonl r$threads.jsonl || fail "$stage: other bytes at $threads threads"
		[ ! -e c1.jsonl ] || cmp c1.jsonl c$threads.jsonl || fail "$stage: other clusters at $threads threads"
	done
	# and in little memory
	"$OUTCROSS" curate mixed.jsonl --do "${stage/C.jsonl/$PWD/c5.jsonl}" -o t5.jsonl --rejected r5.jsonl --memory 1MB -q -f
	cmp t1.jsonl t5.jsonl && cmp r1.jsonl r5.jsonl || fail "$stage: other bytes in little memory"
done
[ "$(rows c1.jsonl)" -gt 1000 ] || fail "few clusters: $(rows c1.jsonl)"

case $B in *asan* | *tsan*) exit 0 ;; esac # a sanitizer needs memory of its own
# 40 million bytes of keys, hashes and shingles and more are held back by --memory
python3 - <<'PY'
import random
random.seed(5)
with open("many.jsonl", "w") as f:
    for i in range(700000):
        f.write('{"text":"%x %x %x %x %x"}\n' % tuple(random.getrandbits(24) for _ in range(5)))
PY
for stage in exact near_dup; do
	python3 - "$OUTCROSS" $stage <<'PY' || fail "$stage: resident size: $(cat talk)"
import resource, subprocess, sys
def peak(memory):
    p = subprocess.Popen([sys.argv[1], "curate", "many.jsonl", "--do", sys.argv[2], "-o", "many.out",
                          "-q", "-f", "--threads", "2", "--memory", memory])
    _, status, usage = __import__("os").wait4(p.pid, 0)
    assert status == 0
    return usage.ru_maxrss / 1024
few = peak("4MB")
assert few < 64, few
PY
done
echo "dups: hostile rows, threads, memory"
