#!/usr/bin/env python3
"""Math-Verify on the pairs of test/data/math_pairs.tsv: its verdicts, and its speed.

    python3 -m venv /tmp/peers && /tmp/peers/bin/pip install math-verify
    /tmp/peers/bin/python bench/peers/math_verify.py [--list] [PAIRS.tsv]

Prints `rate N` (verdicts a second, parsing of both sides included, the first way of handing texts
over only) as its last line; --list prints every pair on which it and the table disagree.
"""
import sys
import time

sys.path.pop(0)  # this file has the package's name
from math_verify import parse, verify

listing = "--list" in sys.argv
paths = [a for a in sys.argv[1:] if not a.startswith("-")]
pairs = []
for line in open(paths[0] if paths else "test/data/math_pairs.tsv", encoding="utf-8"):
    if line.startswith("#") or not line.strip():
        continue
    want, answer, gold = line.rstrip("\n").split("\t")[:3]
    options = line.rstrip("\n").split("\t")[3:]
    pairs.append((want, answer.replace("\\n#", "\n#"), gold, options))


def says_equal(answer, gold):
    """The better of two ways to hand texts over: as they are, and as LaTeX between dollars."""
    for dress in (lambda t: t, lambda t: t if "$" in t or "boxed" in t else f"${t}$"):
        try:
            if verify(parse(dress(gold)), parse(dress(answer))):
                return True
        except Exception:  # its time-outs arrive as exceptions
            pass
    return False


count = {"agree": 0, "says equal": 0, "says different": 0, "cannot say undecided": 0}
for want, answer, gold, options in pairs:
    said = says_equal(answer, gold)
    if options:
        continue
    if want == "?":
        count["cannot say undecided"] += 1
        if said and listing:
            print(f"equal, table undecided\t{answer}\t{gold}")
    elif said == (want == "="):
        count["agree"] += 1
    else:
        key = "says equal" if said else "says different"
        count[key] += 1
        if listing:
            print(f"{key}\t{answer}\t{gold}")
start = time.perf_counter()
for want, answer, gold, options in pairs:
    try:
        verify(parse(gold), parse(answer))
    except Exception:
        pass
seconds = time.perf_counter() - start
for key, n in count.items():
    print(f"{key}: {n}")
print(f"rate {len(pairs) / seconds:.0f}")
