"""Decisions of `decontaminate` beside those whose rules it can follow, on the same rows.

usage: OUTCROSS=build/release/outcross datatrove_decont.py BENCH.jsonl QUERY ANSWER ROWS.jsonl
needs: pip install datatrove==0.10.1 spacy==3.8 nltk "xxhash<4"; for gpt3 also the one file
       lm_eval/decontamination/janitor.py of lm_eval 0.4.13 (pip download --no-deps lm_eval, unzip)
       on PYTHONPATH

BENCH.jsonl: items with the fields QUERY and ANSWER; ROWS.jsonl: objects with a `text`, to which the
script adds rows made of the items (whole, cut, shuffled, in other dress), so that there is something
to disagree about. datatrove's own indexer and filter, janitor's class, and cosmopedia's published
rule as told in doc/compat.md decide beside `compat: datatrove | gpt3 | cosmopedia`. Prints per rule
how many rows each drops, how many decisions differ, and the rows that differ.
"""
import difflib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import types
import unicodedata

from datatrove.data import Document
from datatrove.pipeline.decont.n_grams import NGramsDecontConfig, NGramsDecontFilter, NGramsDecontIndexer


def rows_of(items, path):
    rng = random.Random(1)
    rows = [json.loads(line)["text"] for line in open(path, encoding="utf-8")]
    filler = [t for t in rows if t] or ["Nothing else."]
    for q, a in items:
        words = (q + " " + a).split()
        at, n = rng.randrange(len(words)), rng.randrange(5, 40)
        part = " ".join(words[at:at + n])
        around = rng.choice(filler)
        rows += [q, a, q + "\n" + a, around + " " + part + " " + rng.choice(filler), part.upper(),
                 re.sub(r"[.,]", " ; ", q + " " + a), re.sub(r"\d+", "7", q + " " + a),
                 " ".join(rng.sample(words, len(words))), (around + " ") * 3 + q + " " + a + around * 2]
    return rows


def datatrove(items, rows):
    made = NGramsDecontFilter(tempfile.mkdtemp())
    # the indexer itself cannot be made without lighteval, which its compute_hashes does not use
    index = types.SimpleNamespace(config=NGramsDecontConfig(), tokenizer=made.tokenizer, hash_func=made.hash_func)
    made._index_hashes = {}
    for q, a in items:
        for h in NGramsDecontIndexer.compute_hashes(index, a, q):
            made._index_hashes[h] = "bench"
    return [made.filter(Document(text=t, id="row")) is not True for t in rows]


def janitor(items):
    from janitor import Janitor
    j = Janitor()
    for q, a in items:
        j.register_contaminant_python(q + "\n" + a)
    return j


def gpt3(items, rows):
    from janitor import word_ngrams_indices
    j = janitor(items)
    return [any(j.normalize_string(g) in j.dirt_ngrams for g, _ in word_ngrams_indices(t, 13)) for t in rows]


def gpt3_pieces(items, rows, hit):
    """What stays of the rows that hold something; janitor loses short clean texts as well."""
    j = janitor(items)
    return ["\n".join(j.clean_python(t)) if h else t for t, h in zip(rows, hit)]


def fold(text):
    text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    return re.findall(r"\w+", text.lower())


def cosmopedia(items, rows):
    texts = [q + "\n" + a for q, a in items]
    index = {}
    for i, text in enumerate(texts):
        words = fold(text)
        for k in range(len(words) - 9):
            index.setdefault(tuple(words[k:k + 10]), set()).add(i)
    said = []
    for text in rows:
        words, found = fold(text), set()
        for k in range(len(words) - 9):
            found |= index.get(tuple(words[k:k + 10]), set())
        drop = False
        for i in found:
            a, b = " ".join(words), " ".join(fold(texts[i]))
            blocks = difflib.SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()
            common = " ".join("".join(a[m.a:m.a + m.size] for m in blocks if m.size > 5).split())
            drop = drop or len(common) / len(b) > 0.5
        said.append(drop)
    return said


def ours(compat, bench, query, answer, rows, action="drop"):
    """The text of each row that stays."""
    with tempfile.TemporaryDirectory() as tmp:
        with open(tmp + "/rows.jsonl", "w", encoding="utf-8") as f:
            f.writelines(json.dumps({"n": i, "text": t}) + "\n" for i, t in enumerate(rows))
        fields, extra = ([query], ", answer: " + answer) if compat == "datatrove" else ([query, answer], "")
        subprocess.run([os.environ["OUTCROSS"], "curate", tmp + "/rows.jsonl", "-o", tmp + "/out.jsonl", "-q",
                        "--do", "decontaminate: {against: [%s], fields: [%s]%s, field: text, compat: %s, action: %s}" % (
                            os.path.abspath(bench), ", ".join(fields), extra, compat, action)], check=True)
        return {r["n"]: r["text"] for r in map(json.loads, open(tmp + "/out.jsonl", encoding="utf-8"))}


def main():
    bench, query, answer, path = sys.argv[1:]
    items = [(r[query], r[answer]) for r in map(json.loads, open(bench, encoding="utf-8"))]
    rows = rows_of(items, path)
    for name, peer in (("datatrove", datatrove), ("gpt3", gpt3), ("cosmopedia", cosmopedia)):
        try:
            theirs = peer(items, rows)
        except ImportError as e:
            print("%-10s not compared: %s" % (name, e))
            continue
        kept = ours(name, bench, query, answer, rows)
        mine = [i not in kept for i in range(len(rows))]
        differ = [i for i in range(len(rows)) if mine[i] != theirs[i]]
        print("%-10s %d rows, %d items: theirs drops %d, ours %d, %d differ" % (
            name, len(rows), len(items), sum(theirs), sum(mine), len(differ)))
        for i in differ[:20]:
            print("  row %d: ours %s, theirs %s: %.160r" % (i, mine[i], theirs[i], rows[i]))
        if name != "gpt3":
            continue
        left = ours(name, bench, query, answer, rows, "cut")
        want = gpt3_pieces(items, rows, theirs)
        differ = [i for i in range(len(rows)) if theirs[i] and left.get(i, "").split() != want[i].split()]
        print("%-10s cut: of %d rows something stays of %d, %d differ" % (
            name, sum(theirs), sum(bool(want[i].strip()) for i in range(len(rows)) if theirs[i]), len(differ)))
        for i in differ[:5]:
            print("  row %d: ours %.200r, theirs %.200r" % (i, left.get(i), want[i]))


main()
