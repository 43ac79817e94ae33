"""An independent reading of the published instruction filters, for test_words.c.

usage: words_oracle.py alpaca|self_instruct FILE.jsonl > one rule per line ("-" = passes)
"""
import json
import re
import string
import sys

PICTURES = ["image", "images", "graph", "graphs", "picture", "pictures", "file", "files", "map",
            "maps", "draw", "plot", "go to"]
SOUNDS = ["video", "audio", "music", "flowchart", "diagram"]


def rule(text, preset):
    n = len(text.split())
    if n <= 3:
        return "too_short"
    if n > 150:
        return "too_long"
    banned = PICTURES + (SOUNDS if preset == "alpaca" else [])
    if any(re.search(r"\b(?:%s)\b" % word, text, re.IGNORECASE) for word in banned):
        return "blacklist"
    # Self-Instruct capitalises a text before it looks: first letter up, the others down
    head = text.capitalize() if preset == "self_instruct" else text
    if head.startswith("Write a program"):
        return "starts_with"
    if text[0] in string.punctuation:
        return "first_punctuation"
    if not text[0].isascii():
        return "first_not_ascii"
    return "-"


with open(sys.argv[2], encoding="utf-8") as rows:
    for line in rows:
        print(rule(json.loads(line)["text"], sys.argv[1]))
