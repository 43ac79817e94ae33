"""The published novelty filter, written anew from its definition, for test_novelty.c.

usage: rouge_oracle.py FILE.jsonl > per row its largest F with a row kept before, as repr
"""
import json
import re
import sys


def tokens(text):
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).split()


def score(a, b):
    if not a or not b:
        return 0.0
    row = [0] * (len(b) + 1)
    for x in a:
        before = row
        row = [0]
        for j, y in enumerate(b):
            row.append(before[j] + 1 if x == y else max(before[j + 1], row[j]))
    precision, recall = row[-1] / len(b), row[-1] / len(a)
    return 2 * precision * recall / (precision + recall) if row[-1] else 0.0


kept = []
with open(sys.argv[1], encoding="utf-8") as rows:
    for line in rows:
        mine = tokens(json.loads(line)["text"])
        most = max((score(mine, other) for other in kept), default=0.0)
        if not most > 0.7:
            kept.append(mine)
        print(repr(most) if most > 0.7 else "-")
