"""`exact: {what: sentences}` beside datatrove's SentenceDedup, on the same rows.

usage: OUTCROSS=build/release/outcross datatrove_sentences.py [-v] ROWS.jsonl   (objects with a `text`)
needs: pip install datatrove==0.10.1 spacy==3.8.18 'xxhash<4'   (no model is downloaded)

Runs datatrove's three steps as shipped and ours, with what must be left (50 words, 3 sentences) and
without, and prints on how many rows the decision or the text that is left differs. Then it goes through
the rows once more with datatrove's own signatures, cut and limits, but with rows that fall being no
witnesses for later ones and white space at the end being no sentence, as it is here: what still differs
is printed.
"""
import json
import os
import subprocess
import sys
import tempfile

from datatrove.data import Document
from datatrove.pipeline.dedup.sentence_dedup import (SentDedupConfig, SentenceDedupFilter, SentenceDedupSignature,
                                                     SentenceFindDedups)
from datatrove.utils.text import split_into_sentences

PLAN = """outcross: 1
sources:
  s: {path: %s, origin: unknown}
holdout: {share: 0}
curate:
  - exact: {what: sentences, field: text%s}
output: {format: text}
"""


def config(words, sentences):
    return SentDedupConfig(min_doc_words=words, min_num_sentences=sentences)


def shipped(texts, conf):
    """What datatrove's three steps leave of each text; None for a dropped one."""
    docs = [Document(text=text, id=str(i)) for i, text in enumerate(texts)]
    left = [None] * len(texts)
    with tempfile.TemporaryDirectory() as tmp:
        SentenceDedupSignature(tmp + "/sig", config=conf).run(docs)
        SentenceFindDedups(tmp + "/sig", tmp + "/dup", config=conf).run()
        for doc in SentenceDedupFilter(tmp + "/dup", config=conf).run(docs):
            left[int(doc.id)] = doc.text
    return left


class Parts:
    """datatrove's own parts, for use a row at a time."""

    def __init__(self, texts):
        signature = SentenceDedupSignature("/tmp", config=config(0, 0))
        self.cutter = SentenceDedupFilter("/tmp", config=config(0, 0))
        self.texts = texts
        self.hashes = [[(h, at) for h, _, at in signature.get_hashes(Document(text=t, id=str(i)), i)]
                       for i, t in enumerate(texts)]

    def in_turn(self, least_words, least_sentences, as_shipped):
        seen, left, words = set(), [], self.cutter.tokenizer
        for text, hashes in zip(self.texts, self.hashes):
            fresh, again = set(), []
            for value, at in hashes:
                if value in seen or value in fresh:
                    again.append(at)
                else:
                    fresh.add(value)
            rest = self.cutter.remove_dup_sentences(Document(text=text, id=""), again)[0] if again else text
            falls = not rest or (rest != text and (
                least_words > 0 and len(words.word_tokenize(rest)) < least_words or
                least_sentences > 0 and len(split_into_sentences(rest if as_shipped else rest.rstrip(), "en")) < least_sentences))
            left.append(None if falls else rest)
            if as_shipped or not falls:
                seen |= fresh
        return left


def ours(path, n, options):
    left = [None] * n
    with tempfile.TemporaryDirectory() as tmp:
        with open(tmp + "/plan.yaml", "w", encoding="utf-8") as plan:
            plan.write(PLAN % (json.dumps(os.path.abspath(path)), options))
        subprocess.run([os.environ["OUTCROSS"], "run", tmp + "/plan.yaml", "-o", tmp + "/run", "-q"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name in sorted(os.listdir(tmp + "/run/out/data")):
            for data, lineage in zip(lines(tmp + "/run/out/data/" + name), lines(tmp + "/run/out/lineage/" + name)):
                left[int(json.loads(lineage)["key"].split(":")[1])] = json.loads(data)["text"]
    return left


def lines(path):
    cat = ["zstdcat", path] if path.endswith(".zst") else ["cat", path]
    return subprocess.run(cat, stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")[:-1]


def same(a, b):
    """White space at the ends aside: datatrove takes it off at the start."""
    return a == b or (a is not None and b is not None and a.strip() == b.strip())


def main():
    verbose = "-v" in sys.argv
    path = sys.argv[-1]
    with open(path, encoding="utf-8") as rows:
        texts = [json.loads(line)["text"] for line in rows]
    parts = Parts(texts)
    for words, sentences in ((0, 0), (50, 3)):
        theirs = shipped(texts, config(words, sentences))
        mine = ours(path, len(texts), ", least_words: %d, least_sentences: %d" % (max(1, words), sentences))
        print("%d rows, %d words and %d sentences must be left: datatrove cuts %d, drops %d; another text or decision: %d" % (
            len(texts), words, sentences, sum(a is not None and a != b for a, b in zip(theirs, texts)),
            theirs.count(None), sum(not same(a, b) for a, b in zip(mine, theirs))))
        again = parts.in_turn(words, sentences, True)
        print("  its parts row by row: %d differ from its run" % sum(a != b for a, b in zip(again, theirs)))
        asked = parts.in_turn(words, sentences, False)
        rest = [i for i in range(len(texts)) if not same(mine[i], asked[i])]
        print("  with these two done alike: another text or decision: %d" % len(rest))
        for i in rest if verbose else rest[:10]:
            print("    row %d: %.200r\n      ours      %.200r\n      datatrove %.200r" % (i, texts[i], mine[i], asked[i]))


main()
