"""An independent reading of the published rule sets, for test_rules.c.

usage: rules_oracle.py FILE.jsonl > one line a row: the first failing rule of gopher_repetition,
gopher_quality, c4 and fineweb ("-" = passes), and c4's text as JSON. Words are those between white
space; sentences are counted over tokens of the test's own vocabulary.
"""
import json
import re
import sys
import unicodedata
from collections import Counter

ENDS = ".!?"
SYMBOLS = set("!\"#%&'()*+,-./:;<=>?@[\\]^_`{|}~$\u2026\u2014\u3002\u201c\u201d")


def again(pieces):
    n = chars = 0
    seen = set()
    for piece in pieces:
        if piece in seen:
            n, chars = n + 1, chars + len(piece)
        seen.add(piece)
    return n, chars


def repetition(text):
    if not text:
        return "empty"
    size, words = len(text), text.split()
    for what, pieces in (("para", re.split("\n\n+", text.strip())), ("line", re.split("\n+", text))):
        n, chars = again(pieces)
        if n / len(pieces) > 0.3:
            return "dup_%s_frac" % what
        if chars / size > 0.2:
            return "dup_%s_char_frac" % what
    for n, limit in ((2, 0.2), (3, 0.18), (4, 0.16)):
        grams = [tuple(words[i:i + n]) for i in range(len(words) - n + 1)]
        if grams:
            count = Counter(grams)
            most = max(count.values())
            best = next(g for g in grams if count[g] == most)
            if len(" ".join(best)) * most / size > limit:
                return "top_%d_gram" % n
    for n, limit in zip(range(5, 11), (0.15, 0.14, 0.13, 0.12, 0.11, 0.1)):
        seen, chars, i = set(), 0, 0
        while i + n <= len(words):
            gram = "".join(words[i:i + n])
            if gram in seen:
                chars, i = chars + len(gram), i + n
            else:
                seen.add(gram)
                i += 1
        if chars / size > limit:
            return "duplicated_%d_n_grams" % n
    return "-"


def quality(text):
    if not text:
        return "empty"
    words = text.split()
    solid = [w for w in words if set(w) - SYMBOLS]
    if len(solid) < 50:
        return "gopher_short_doc"
    mean = sum(map(len, solid)) / len(solid)
    if mean < 3:
        return "gopher_below_avg_threshold"
    if mean > 10:
        return "gopher_above_avg_threshold"
    if text.count("#") / len(words) > 0.1:
        return "gopher_too_many_hashes"
    if (text.count("...") + text.count("\u2026")) / len(words) > 0.1:
        return "gopher_too_many_ellipsis"
    lines = text.splitlines()
    if sum(x.lstrip()[:1] in ("\u2022", "-") and x.strip() != "" for x in lines) / len(lines) > 0.9:
        return "gopher_too_many_bullets"
    if sum(x.rstrip().endswith(("...", "\u2026")) for x in lines) / len(lines) > 0.3:
        return "gopher_too_many_end_ellipsis"
    letter = [any(unicodedata.category(c)[0] == "L" for c in w) for w in words]
    if sum(letter) / len(words) < 0.8:
        return "gopher_below_alpha_threshold"
    if len({"the", "be", "to", "of", "and", "that", "have", "with"} & set(words)) < 2:
        return "gopher_enough_stop_words"
    return "-"


def sentences(line):
    n, ended = 0, True
    for token in re.findall(r"\.\.+|\w+|[^\w\s]", line):
        mark = token in ENDS
        if ended and not (n and (mark or unicodedata.category(token[0])[0] == "P")):
            n, ended = n + 1, False
        ended = ended or mark
    return n


def c4(text):
    if not text:
        return "empty", text
    kept, total = [], 0
    for line in text.splitlines():
        line = line.strip()
        words = line.split()
        if any(len(w) > 1000 for w in words):
            continue
        line = re.sub(r"\[(\d*|edit|citation needed)\]", "", line)
        if line[-1:] not in (".", "?", "!", '"', "'") or line[-3:] == "...":
            continue
        if len(words) < 3:
            continue
        low = line.lower()
        if "lorem ipsum" in low:
            return "lorem_ipsum", text
        if "javascript" in low:
            continue
        if "{" in line:
            return "curly_bracket", text
        if re.search("terms of use|(privacy|cookie) policy|(use|uses|use of) cookies", low):
            continue
        total += sentences(line)
        kept.append(line)
    return ("-", "\n".join(kept).strip()) if total >= 5 else ("too_few_sentences", text)


def fineweb(text):
    lines = [x for x in text.split("\n") if x.strip()]
    if not lines:
        return "empty"
    if sum(x[-1] in ".!?\u3002\uff01\u2047" for x in lines) / len(lines) < 0.12:
        return "line_punct_ratio"
    if sum(len(x) <= 30 for x in lines) / len(lines) > 0.67:
        return "short_line_ratio"
    if again(lines)[1] / len(text.replace("\n", "")) > 0.01:
        return "char_dup_ratio"
    if text.count("\n") / len(text.split()) > 0.3:
        return "list_ratio"
    return "-"


with open(sys.argv[1], encoding="utf-8") as rows:
    for row in rows:
        text = json.loads(row)["text"]
        rule, after = c4(text)
        print(repetition(text), quality(text), rule, fineweb(text), json.dumps(after))
