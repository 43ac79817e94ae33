#!/bin/bash
# Stages that see all rows keep to --memory on an input ten times as large: peak resident size,
# mapped pages included, is at most that of a stage which keeps nothing + the memory.
# MEMORY=64: so many MB instead of 32. At 16 what the batches of near_dup hold varies by as much as is allowed.
set -u
case $B in *asan* | *tsan*) echo "a sanitizer needs memory of its own"; exit 77 ;; esac
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
cat >memory.py <<'END'
import json, os, random, subprocess, sys

program, megabytes = os.environ["OUTCROSS"], int(os.environ.get("MEMORY", "32"))
random.seed(4)
words = ["".join(random.choice("bcdfghklmnprst") + random.choice("aeiou") for _ in range(random.randint(1, 4))) for _ in range(5000)]


def rows(name, size, parents=None):
    made, texts = 0, []
    with open(name, "w") as f:
        i = 0
        while made < size:
            t = " ".join(random.choices(words, k=220))
            if parents and i % 5 == 0:
                t = t[: len(t) // 2] + " " + random.choice(parents)[:400]
            if i % 100 == 0:
                texts.append(t)
            line = json.dumps({"id": i, "n": random.random(), "text": t}) + "\n"
            f.write(line)
            made += len(line)
            i += 1
    return texts


size = megabytes * 10_000_000
kept = rows("real.jsonl", size // 2)
rows("made.jsonl", size // 2, kept)
with open("bench.jsonl", "w") as f:
    for t in kept[:100]:
        f.write(json.dumps({"question": t[:200], "answer": "7"}) + "\n")


def peak(verb, what, inputs=("real", "made"), packed=""):
    for f in ("out", "rejected"):
        if os.path.exists(f):
            os.remove(f)
    args = [program, verb, *(f"{i}.jsonl{packed}" for i in inputs), "--origin", f"{inputs[0]}=real", "--origin", f"{inputs[-1]}=synthetic",
            *what, "-o", "out", "-q", "-j", "2", "--memory", f"{megabytes}MB"]
    pid = os.fork()
    if pid == 0:
        os.execv(program, args)
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"{' '.join(args)}: status {status}")
    return usage.ru_maxrss / 1024


def stages(how):
    """Those of which the manual says so."""
    manual = subprocess.run([program, "help", "--manual"], capture_output=True, text=True, check=True).stdout
    return {line.split("|")[1].strip() for line in manual.splitlines() if line.startswith("|") and f"| {how} |" in line}


own = peak("curate", ["--do", "words"])  # batches, buffers, the program
for f in ("real", "made"):
    subprocess.run(["gzip", "-1k", f"{f}.jsonl"], check=True)
bad = 0
runs = [("curate", ["--do", "exact"]), ("curate", ["--do", "exact: {what: line}"]), ("curate", ["--do", "near_dup"]), ("curate", ["--do", "substring"]),
                   ("curate", ["--do", "copies"]), ("curate", ["--do", "decontaminate: {against: bench.jsonl}"]),
                   ("curate", ["--do", "sort: {by: n}"]), ("curate", ["--do", "sample: {share: 0.5}"]),
        ("mix", ["--with", "{shares: {real: 0.4, synthetic: 0.6}, repeat: 2}"])]
# `perplexity` holds a mapped file, which test_kn looks at.
left = stages("keeps to it") - {"perplexity"} - {what[1].split(":")[0] for _, what in runs}
if left:
    sys.exit(f"not tested: {left}")
runs += [("curate", ["--do", "words"], ".gz"), ("curate", ["--do", "exact"], ".gz")]
for verb, what, *packed in runs:
    used = peak(verb, what, packed=packed[0] if packed else "")
    fine = used <= own + megabytes * 1.05 + 2
    bad += not fine
    print(f"{'ok  ' if fine else 'TOO MUCH'} {what[1]}{' of .gz' if packed else ''}: {used:.0f} MB, {own:.0f} MB of it its own")
sys.exit(bad > 0)
END
python3 memory.py
