#!/usr/bin/env python3
"""Labelled text out of unpacked manual pages of Debian: DIR/LANG/usr/share/man/..., one folder a
language. Prints "language <tab> text" lines: single sentences (`--unit sentence`, 30 to 200 letters)
or paragraphs (`--unit paragraph`, 250 letters and more), at most N of each language, chosen by their
hash. Lines that stand in the English pages too are left out (untranslated parts), as are lines with
few letters and, outside English, those with two of its commonest words."""
import argparse, gzip, hashlib, os, re, sys

def plain(page):
    page = re.sub(r'\\f(?:\[[A-Z]*\]|\(..|[A-Z0-9])', '', page)
    paragraphs, now = [], []
    skip = False
    for line in page.split('\n'):
        if line.startswith(('.nf', '.EX')):
            skip = True
        if line.startswith(('.fi', '.EE')):
            skip = False
        if line.startswith(('.', "'")) or not line.strip():
            if now and not line.startswith(('.I', '.B', '.R')):
                paragraphs.append(' '.join(now))
                now = []
            continue
        if not skip:
            line = re.sub(r'\\\((?:aq|dq|em|en|hy|lq|rq|bu|oq|cq)|\\\[[a-zA-Z0-9]+\]', ' ', line)
            now.append(re.sub(r'\\[-&%|^ e/,:]?', lambda m: '-' if m[0] == '\\-' else '', line).strip())
    paragraphs.append(' '.join(now))
    return paragraphs

ENGLISH = set('the is of to and this that with for be are which not when will you has been by or'.split())

def english(s):
    return sum(w in ENGLISH for w in re.findall(r'[a-z]+', s.lower())) >= 2

def letters(s):
    return sum(c.isalpha() for c in s)

def main():
    a = argparse.ArgumentParser()
    a.add_argument('dir')
    a.add_argument('--unit', choices=['sentence', 'paragraph'], default='sentence')
    a.add_argument('-n', type=int, default=400)
    o = a.parse_args()
    texts = {}
    for lang in sorted(os.listdir(o.dir)):
        seen = set()
        for root, _, files in os.walk(os.path.join(o.dir, lang)):
            if '/man/' not in root:
                continue
            for f in sorted(files):
                p = os.path.join(root, f)
                if not f.endswith('.gz') or os.path.islink(p):
                    continue
                for para in plain(gzip.open(p).read().decode('utf-8', 'replace')):
                    if o.unit == 'sentence':
                        seen.update(s.strip() for s in re.split(r'(?<=[.!?])\s+|(?<=[。！？])', para))
                    else:
                        seen.add(para)
        texts[lang] = seen
    for lang in sorted(texts):
        keep = []
        for s in texts[lang]:
            s = re.sub(r'\s+', ' ', s)
            wide = lang in ('ja', 'zh', 'ko')
            low, high = (30, 200) if o.unit == 'sentence' else (250, 1 << 20)
            if wide:
                low, high = low // 2, high // 2
            if not low <= letters(s) <= high or letters(s) < 0.6 * len(s.replace(' ', '')):
                continue
            if re.search(r'[/_=<>{}|]|--|https?:|@', s) or '\ufffd' in s or (lang != 'en' and (s in texts['en'] or english(s))):
                continue
            if lang in ('ja', 'zh', 'ru', 'uk', 'sr', 'mk', 'el') and sum(c.isascii() and c.isalpha() for c in s) > 0.3 * letters(s):
                continue
            keep.append(s)
        keep.sort(key=lambda s: hashlib.sha1(s.encode()).digest())
        for s in keep[:o.n]:
            print(lang.split('-')[0], s, sep='\t')

if __name__ == '__main__':
    main()
