#!/usr/bin/env python3
"""The stage novelty against the package rouge_score, decision by decision.

Needs `pip install rouge_score`. Takes instructions (a JSONL file with a field; default: the shared
data's GSM8K questions), lets both decide which are new, prints how long each took and every
difference. Exit 1 on a difference, 77 when something is missing.

usage: novelty_rouge_score.py [FILE FIELD [N]]
"""
import json
import os
import subprocess
import sys
import tempfile
import time

try:
    from rouge_score import rouge_scorer
except ImportError:
    print("needs the Python package rouge_score")
    sys.exit(77)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUTCROSS = os.environ.get("OUTCROSS", os.path.join(ROOT, "build/release/outcross"))
SHARED = os.environ.get("OUTCROSS_SHARED", os.path.join(ROOT, "../shared"))

path, field, n = (sys.argv[1:] + [None] * 3)[:3]
path = path or os.path.join(SHARED, "data/text/gsm8k_train.jsonl")
field = field or "question"
n = int(n or 200)
if not os.path.exists(path) or not os.path.exists(OUTCROSS):
    print("needs %s and %s" % (path, OUTCROSS))
    sys.exit(77)

with open(path, encoding="utf-8") as f:
    texts = [json.loads(line)[field] for line in f][:n]
# GSM8K hardly repeats itself: every fourth text comes again with some words changed
for i in range(0, len(texts), 4):
    words = texts[i].split()
    texts.append(" ".join(w if k % 5 else "thing%d" % (k % 7) for k, w in enumerate(words)))
    texts.append(" ".join(words[: len(words) * (40 + i % 60) // 100]))

start = time.time()
scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
kept, theirs = [], []
for text in texts:
    tokens = scorer._tokenizer.tokenize(text)
    new = True
    for other in kept:
        if rouge_scorer._score_lcs(tokens, other).fmeasure > 0.7:
            new = False
            break
    if new:
        kept.append(tokens)
    theirs.append(new)
python_seconds = time.time() - start

with tempfile.TemporaryDirectory() as tmp:
    rows = os.path.join(tmp, "rows.jsonl")
    with open(rows, "w", encoding="utf-8") as f:
        for i, text in enumerate(texts):
            f.write(json.dumps({"i": i, "text": text}) + "\n")
    out = os.path.join(tmp, "out.jsonl")
    start = time.time()
    subprocess.run([OUTCROSS, "curate", rows, "--do", "novelty: {field: text}", "-o", out],
                   check=True)
    our_seconds = time.time() - start
    with open(out, encoding="utf-8") as f:
        ours = {json.loads(line)["i"] for line in f}

different = [i for i, new in enumerate(theirs) if new != (i in ours)]
print("%d texts, %d kept; rouge_score %.1f s, outcross %.2f s (%.0fx), %d decisions differ"
      % (len(texts), len(ours), python_seconds, our_seconds, python_seconds / our_seconds,
         len(different)))
for i in different[:20]:
    print("  %d: rouge_score %s: %s" % (i, "keeps" if theirs[i] else "drops", texts[i][:90]))
sys.exit(1 if different else 0)
