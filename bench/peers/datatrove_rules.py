"""Decisions of the rule sets beside datatrove's own filters, on the same rows.

usage: OUTCROSS=build/release/outcross datatrove_rules.py ROWS.jsonl   (objects with a `text`)
needs: pip install datatrove nltk spacy   (0.10.1, 3.8; no model is downloaded)

Prints, per set, how many rows datatrove drops, on how many the first failing rule differs, and of
how many kept rows the text differs; then the rows that differ.
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

from datatrove.data import Document
from datatrove.pipeline.filters import (C4QualityFilter, FineWebQualityFilter, GopherQualityFilter,
                                        GopherRepetitionFilter)

SETS = {"gopher_repetition": GopherRepetitionFilter(), "gopher_quality": GopherQualityFilter(),
        "c4": C4QualityFilter(), "fineweb": FineWebQualityFilter()}
PLAN = """outcross: 1
sources:
  s: {path: %s, origin: unknown}
holdout: {share: 0}
curate:
  - %s: {field: text}
output: {format: text}
"""


def peer(rule_set, text):
    doc = Document(text=text, id="row")
    said = rule_set.filter(doc)
    return ("-" if said is True else said[1]), doc.text


def lines(pattern):
    for path in sorted(glob.glob(pattern)):
        cat = ["zstdcat", path] if path.endswith(".zst") else ["cat", path]
        yield from subprocess.run(cat, stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")[:-1]


def ours(name, path, n):
    """The rule that dropped each row, "-" for none, and the texts of the kept ones."""
    rules, texts = ["-"] * n, {}
    with tempfile.TemporaryDirectory() as tmp:
        with open(tmp + "/plan.yaml", "w", encoding="utf-8") as plan:
            plan.write(PLAN % (json.dumps(os.path.abspath(path)), name))
        subprocess.run([os.environ["OUTCROSS"], "run", tmp + "/plan.yaml", "-o", tmp + "/run", "-q"],
                       check=True)
        for line in lines(tmp + "/run/rejected*.zst"):
            row = json.loads(line)
            row = row.get("lineage", row)
            verdict = next(v for v in row["verdicts"] if v["result"] == "drop")
            rules[int(row["key"].split(":")[1])] = verdict["rule"]
        for data, lineage in zip(lines(tmp + "/run/out/data/train*"),
                                 lines(tmp + "/run/out/lineage/train*")):
            number = int(re.search(r":(\d+)", json.loads(lineage)["key"]).group(1))
            texts[number] = json.loads(data).get("text")
    return rules, texts


def main():
    with open(sys.argv[1], encoding="utf-8") as rows:
        rows = [json.loads(line)["text"] for line in rows]
    for name, rule_set in SETS.items():
        rules, texts = ours(name, sys.argv[1], len(rows))
        theirs = [peer(rule_set, text) for text in rows]
        rule = [i for i in range(len(rows)) if rules[i] != theirs[i][0]]
        text = [i for i in range(len(rows)) if rules[i] == theirs[i][0] == "-" and texts[i] != theirs[i][1]]
        print("%-18s %d rows, datatrove drops %d, other rule %d, other text %d" % (
            name, len(rows), sum(said != "-" for said, _ in theirs), len(rule), len(text)))
        for i in rule + text:
            print("  row %d: %s, datatrove %s: %.80r" % (i, rules[i], theirs[i][0], rows[i]))


main()
