#!/bin/bash
# Rows that nobody wishes for, through every stage that needs no model: one huge row, rows without
# text, one word again and again, all rows equal, all rows permutations of one, bytes that are not
# UTF-8, text from right to left and without spaces. Each ends well, loses no row, gives the same
# bytes at 1 and 3 threads, and four times the input takes at most eight times the processor time.
# HOSTILE=all: a row of 100 MB, ten million rows without text, a word a million times; here a stage
# that must hold its rows may refuse to start for want of memory.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
cat >hostile.py <<'END'
import json, os, random, re, resource, subprocess, sys

program, everything = os.environ["OUTCROSS"], os.environ.get("HOSTILE") == "all"
slow = "san" in os.environ.get("B", "")  # a sanitizer's build
scale = 25 if everything else 1 if slow else 4
random.seed(3)
words = [a + b for a in ("ba", "co", "du", "fi", "ge", "lo", "mu", "ne") for b in ("rn", "st", "ll", "mp", "rk", "sh")]


def text(n):
    return " ".join(random.choice(words) for _ in range(n))


def rows(name, lines):
    with open(name + ".jsonl", "wb") as f:
        for line in lines:
            f.write((line if isinstance(line, bytes) else json.dumps({"text": line}, ensure_ascii=False).encode()) + b"\n")


base = text(60).split()


def shuffled():
    out = base[:]
    random.shuffle(out)
    return " ".join(out)


def make(k):
    """The inputs at size k, by name."""
    million = 10000 * k
    return {
        "huge": [text(170000 * k), text(40)] if everything else [text(40000 * k), text(40)],
        "empty": [""] * (100000 * k if everything else 5000 * k),
        "word": ["buffalo " * million, "buffalo " * million],
        "nospace": ["x" * (10 * million), "xy" * million],
        "equal": [text(50)] * (3000 * k if not everything else 1000 * k),
        "permuted": [shuffled() for _ in range(400 * k if not everything else 100 * k)],
        "letters": [" ".join("abcdefghij"[(i >> s) & 7] for s in range(0, 24, 3)) for i in range(500 * k)],
    }


strange = [
    b'{"text": "\xff\xfe broken"}', b'{"text": "\xc3"}', b"\x00\x00", b"{", b"[1]", b'"text"', b"{}", b'{"text": null}',
    b'{"text": 5}', b'{"text": ["a"]}', b'{"other": "field"}', b'{"text": "\\ud800"}', b'{"text": "a\\u0000b"}',
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd. " * 40, "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645\u060c " * 40,
    "\u6211\u5011\u5728\u6cb3\u908a\u898b\u904e\u4e00\u96bb\u9df9\u3002" * 60, "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01" * 60,
    "\u200f\u202e\u200b\u00ad" * 50, "e\u0301\u0302\u0303" * 200, "\U0001f469\u200d\U0001f469\u200d\U0001f467" * 100, "\n" * 1000, "\t \r\n" * 500,
    " " * 5000, "." * 5000, "- \n" * 500, "{{ seed }} %s %n \\ \" '", text(100),
]

bench = [{"question": "What is the " + text(12) + "?", "answer": "42"} for _ in range(20)]
with open("bench.jsonl", "w") as f:
    for b in bench:
        f.write(json.dumps(b) + "\n")
with open("real.jsonl", "w") as f:
    for _ in range(50):
        f.write(json.dumps({"text": text(60)}) + "\n")

listed = re.findall(r"^  (\w+) +\((?:row|ordered|call|whole)\)", subprocess.run([program, "curate", "--list"], capture_output=True, text=True, check=True).stdout, re.M)
options = {
    "copies": ("", ["--origin", "real=real", "--origin", "IN=synthetic"]),
    "decontaminate": ("{against: bench.jsonl}", []),
    "sample": ("{share: 0.5}", []),
    "sort": ("{by: n}", []),
    "schema": ("{schema: {type: object}}", []),
}
# They need a model that somebody trained, or an endpoint; their own tests feed them strange rows.
needs_more = {"judge", "math", "hold", "perplexity", "quality", "machine_share", "code"}


def run(stage, name, threads):
    given, more = options.get(stage, ("", []))
    inputs = ["real.jsonl"] * (stage == "copies") + [name + ".jsonl"]
    more = [m.replace("IN", name) for m in more]
    for f in ("out", "rejected"):
        if os.path.exists(f):
            os.remove(f)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    p = subprocess.run(
        [program, "curate", *inputs, "--do", stage + ":" + given if given else stage, *more, "-o", "out", "--rejected", "rejected", "--json", "-j", str(threads)],
        capture_output=True, timeout=1200)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if p.returncode == 3 and b"raise `memory:`" in p.stderr and not os.path.exists("out"):
        refused.add(f"{stage} on {name}")
        return 0, b"", b""
    if p.returncode:
        sys.exit(f"{stage} on {name}: exit {p.returncode}: {p.stderr.decode()[-500:]}")
    lines = sum(1 for i in inputs for _ in open(i, "rb"))
    out, fell = open("out", "rb").read(), open("rejected", "rb").read()
    kept, rejected = out.count(b"\n"), fell.count(b"\n")
    if kept + rejected != lines:
        sys.exit(f"{stage} on {name}: {lines} rows in, {kept} out, {rejected} rejected")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, out, fell


stages = sorted(set(listed) - needs_more)
if len(stages) < 12:
    sys.exit(f"only {stages} are listed")
small, large = make(scale), make(4 * scale)
rows("strange", strange)
for name in small:
    rows(name + "1", small[name])
    rows(name + "4", large[name])
worst, refused = (0, ""), set()
for stage in stages:
    _, out, fell = run(stage, "strange", 1)
    _, again, fell_again = run(stage, "strange", 3)
    if (out, fell) != (again, fell_again):
        sys.exit(f"{stage}: other bytes at 3 threads")
    for name in small:
        one, _, _ = run(stage, name + "1", 2)
        four, _, _ = run(stage, name + "4", 2)
        # ROUGE-L of permutations: words alone exclude no pair, so each is compared.
        if four > 8 * one + 1 and (stage, name) != ("novelty", "permuted"):
            sys.exit(f"{stage} on {name}: {one:.2f} s, and {four:.2f} s for four times as much")
        worst = max(worst, (four, f"{stage} on {name}"))
if refused and not everything:
    sys.exit(f"too small to need more than `memory:`: {sorted(refused)}")
print(f"{len(stages)} stages; refused before they began, for want of memory: {sorted(refused) or 'none'}")
print(f"the longest {worst[0]:.1f} s of processor time: {worst[1]}")
END
python3 hostile.py
