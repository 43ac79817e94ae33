#!/usr/bin/env python3
"""Interpolated modified Kneser-Ney from its definition, with dictionaries (Chen and Goodman 1998,
section 4.1.6, discounts by their equation 26): usage kn_oracle.py ORDER TRAIN.txt TEST.txt prints
log10 p of every line of TEST.txt and the number of its unknown words. Every line that has a word is
a sentence of words between white space."""
import math
import sys
from collections import Counter, defaultdict


def sentences(path):
    with open(path, encoding="utf-8") as f:
        return [line.split() for line in f if line.split()]


def main(order, train, test):
    plain = [None] + [Counter() for _ in range(order)]
    for words in sentences(train):
        s = ["<s>"] + words + ["</s>"]
        for n in range(1, order + 1):
            for i in range(len(s) - n + 1):
                plain[n][tuple(s[i:i + n])] += 1
    # How many words stand before an n-gram; what begins a sentence keeps its plain count.
    count = [None] * (order + 1)
    count[order] = dict(plain[order])
    for n in range(1, order):
        before = Counter(g[1:] for g in plain[n + 1])
        count[n] = {g: plain[n][g] if g[0] == "<s>" else before[g] for g in plain[n]}
    for n in range(2, order + 1):  # <s> is given, never predicted
        assert not any("<s>" in g[1:] for g in count[n])
    count[1].pop(("<s>",))

    discount = [None]
    for n in range(1, order + 1):
        t = Counter(count[n].values())
        d = [0, 0.5, 1, 1.5]
        if t[1] and t[2] and t[3]:
            y = t[1] / (t[1] + 2 * t[2])
            found = [0] + [k - (k + 1) * y * t[k + 1] / t[k] for k in (1, 2, 3)]
            if all(0 <= found[k] <= k for k in (1, 2, 3)):
                d = found
        discount.append(d)

    total = [None] + [Counter() for _ in range(order)]
    mass = [None] + [defaultdict(float) for _ in range(order)]
    for n in range(1, order + 1):
        for g, c in count[n].items():
            total[n][g[:-1]] += c
            mass[n][g[:-1]] += discount[n][min(c, 3)]
    words = {g[0] for g in count[1]} | {"<unk>"}

    def p(context, word):
        if len(context) >= order:
            context = context[len(context) - order + 1:]
        n = len(context) + 1
        lower = p(context[1:], word) if context else 1 / len(words)
        if not total[n][context]:
            return lower
        c = count[n].get(context + (word,), 0)
        kept = c - discount[n][min(c, 3)]
        return (kept + mass[n][context] * lower) / total[n][context]

    for line in sentences(test):
        context, score, unknown = ("<s>",), 0.0, 0
        for w in line + ["</s>"]:
            if w not in words:
                w = "<unk>"
                unknown += 1
            score += math.log10(p(context, w))
            context += (w,)
        print("%.6f %d" % (score, unknown))


main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
