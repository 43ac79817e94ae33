"""`words: ccnet` of `perplexity` beside cc_net's own normaliser: the words of both, of the same lines.

usage: OUTCROSS=build/release/outcross ccnet_words.py TEXT_NORMALIZER.py ROWS.jsonl   (objects with a `text`)
needs: cc_net/text_normalizer.py of github.com/facebookresearch/cc_net (1341eec); nothing else of it

A model of order 2 is trained on the rows and written as ARPA; its words must be those that stand between
spaces of the lines that cc_net's `normalize` spells. Prints how many words either has alone.
"""
import importlib.util
import json
import os
import subprocess
import sys
import tempfile


def main():
    spec = importlib.util.spec_from_file_location("peer", sys.argv[1])
    peer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peer)
    theirs, lines = set(), 0
    with open(sys.argv[2], encoding="utf-8") as rows:
        for row in rows:
            for line in json.loads(row)["text"].split("\n"):
                lines += 1
                theirs |= set(peer.normalize(line).split(" "))
    theirs -= {"", "<unk>", "<s>", "</s>"}
    with tempfile.TemporaryDirectory() as tmp:
        subprocess.run([os.environ["OUTCROSS"], "train", "perplexity", sys.argv[2], "--field", "text", "--order", "2",
                        "--words", "ccnet", "--arpa", "-o", tmp + "/arpa", "-q"], check=True)
        ours = set()
        with open(tmp + "/arpa", encoding="utf-8", newline="\n") as f:
            for line in f:
                if line.startswith("\\2-grams"):
                    break
                if "\t" in line:
                    ours.add(line.rstrip("\n").split("\t")[1])
    ours -= {"<unk>", "<s>", "</s>"}
    print("%d lines, %d words; ours alone %d, cc_net's alone %d" % (lines, len(theirs), len(ours - theirs),
                                                                    len(theirs - ours)))
    print("  ours:   %r\n  theirs: %r" % (sorted(ours - theirs)[:10], sorted(theirs - ours)[:10]))


main()
