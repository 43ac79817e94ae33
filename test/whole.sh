# What the tests of stages that see all rows share: rows for each of them to act on, the stages, and
# what may lie in a folder after a death. Sourced after runs.sh.
whole_rows() { # real.jsonl, made.jsonl, bench.jsonl
	python3 - "$@" <<'PY'
import json, random, sys
random.seed(11)
n = int(sys.argv[1])
words = [a + b + c for a in ("ka", "lo", "mi", "nu", "pe", "ri", "so") for b in "bdfgkst" for c in ("a", "en", "o", "um")]
texts = []
def text(i):
    t = [random.choice(words) for _ in range(random.randint(30, 70))]
    if texts and i % 7 == 0:  # nearly the same
        t = random.choice(texts).split()
        t[random.randrange(len(t))] = "other"
    elif texts and i % 5 == 0:  # a run of another
        t += random.choice(texts).split()[:25]
    elif texts and i % 11 == 0:
        t = random.choice(texts).split()
    texts.append(" ".join(t))
    t.insert(len(t) // 2, "\n" if i % 3 else "\nthe same line in many rows\n")
    return " ".join(t)
for name, rows in (("real", n), ("made", n // 2)):
    with open(name + ".jsonl", "w") as f:
        for i in range(rows):
            f.write(json.dumps({"n": random.random(), "text": text(i)}) + "\n")
with open("bench.jsonl", "w") as f:
    for t in texts[::n // 20]:
        f.write(json.dumps({"question": t[:200], "answer": "7"}) + "\n")
PY
}
whole_stages=('exact: {fields: [text]}' 'exact: {what: line, field: text}' 'near_dup: {field: text}'
	'substring: {field: text, min_span: 60}' 'copies: {field: text, min_span: 30, max_span: 60, action: drop}'
	'decontaminate: {field: text, against: bench.jsonl, frequent: 9}' 'semantic: {field: text, dim: 32, threshold: 0.8}'
	'sort: {by: n}' 'sample: {share: 0.5}')
whole_plan() { # NAME STAGE...: NAME.yaml
	local name=$1; shift
	{
		echo 'outcross: 1'
		echo 'memory: 16MB'
		echo 'sources:'
		echo '  real: {path: real.jsonl, origin: real, attest: made}'
		echo '  made: {path: made.jsonl, origin: synthetic}'
		echo 'holdout: {share: 0.05}'
		echo 'curate:'
		printf '  - %s\n' "$@"
	} >"$name.yaml"
}
# A job on files, in so little memory that it spills and sorts on disk: ${job[@]}.
whole_job() { # FOLDER STAGE
	local memory=256KB
	[ "${2%%:*}" != semantic ] || memory=16MB # it holds its vectors
	job=("$OUTCROSS" curate real.jsonl made.jsonl --origin real=real --origin made=synthetic --do "$2"
		--memory $memory -o "$1/out.jsonl" --rejected "$1/rejected.jsonl.zst" -q -f)
}
# Every file with a final name can be read to its end, and data are those of the whole run.
whole_files() { # RUN WHOLE
	local f
	for f in $(find "$1" -name '*.zst' 2>/dev/null); do zstd -qt "$f" 2>/dev/null || { echo "$f"; return 1; }; done
	for f in $(find "$1" -name '*.json' 2>/dev/null); do python3 -m json.tool "$f" >/dev/null || { echo "$f"; return 1; }; done
	for f in $(find "$1" -path '*/out/data/*.jsonl' 2>/dev/null); do cmp "$f" "$2/${f#"$1"/}" || return 1; done
}
# What a job leaves behind: whole files under their names, else names that say what they are.
whole_left() { # FOLDER WHOLE
	local f
	for f in $(ls -A "$1"); do
		case $f in
		out.jsonl | rejected.jsonl.zst) cmp "$1/$f" "$2/$f" || return 1 ;;
		out.jsonl.tmp | rejected.jsonl.zst.tmp | .outcross-job-*) ;;
		*) echo "$1/$f"; return 1 ;;
		esac
	done
}
whole_same() { # FOLDER WHOLE
	[ "$(ls -A "$1")" = "$(ls -A "$2")" ] || { echo "files: $(ls -A "$1")"; return 1; }
	cmp "$1/out.jsonl" "$2/out.jsonl" && cmp "$1/rejected.jsonl.zst" "$2/rejected.jsonl.zst"
}
faulty() { # CALL AT ERRNO LASTS KILL COMMAND...: with a fault below this folder
	local call=$1 at=$2 errno=$3 lasts=$4 kill=$5; shift 5
	FAULT_CALL=$call FAULT_AT=$at FAULT_ERRNO=$errno FAULT_LASTS=$lasts FAULT_KILL=$kill FAULT_UNDER=$PWD/ \
		LD_PRELOAD=$B/test/faults.so "$@" >"$tmp/out" 2>"$tmp/err"
}
calls_of() { # CALL COMMAND...: how many there are
	local call=$1; shift
	FAULT_COUNT=$tmp/count FAULT_CALL=$call FAULT_UNDER=$PWD/ LD_PRELOAD=$B/test/faults.so "$@" >"$tmp/out" 2>"$tmp/err" ||
		fail "counting: $(cat "$tmp/err")"
	cat "$tmp/count"
}
