#!/usr/bin/env python3
"""Labelled text out of unpacked manual pages of Debian: DIR/LANG/usr/share/man/..., one folder a
language. Prints "language <tab> text" lines: single sentences (`--unit sentence`, 30 to 200 letters)
or paragraphs (`--unit paragraph`, 250 letters and more), at most N of each language, chosen by their
hash. Lines that stand in the English pages too are left out (untranslated parts), as are lines with
few letters and, outside English, those with two of its commonest words.

`--unit message`: of other languages than those, out of the translated messages of programs
(DIR/locale/LANG/LC_MESSAGES/*.mo), 30 letters and more, without what is filled in and what follows it."""
import argparse, gettext, gzip, hashlib, os, re, sys

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

NOT_LATIN = 'ja zh ru uk sr mk el ar be bg bn dz fa gu he hi hy ka kk km kn ko ky lo ml mn mr ne pa ta te th ug ur'.split()
ENGLISH = set('the is of to and this that with for be are which not when will you has been by or'.split())

def english(s):
    return sum(w in ENGLISH for w in re.findall(r'[a-z]+', s.lower())) >= 2

def letters(s):
    return sum(c.isalpha() for c in s)

def messages(top):
    """{language: texts}; a region or script of a language (pt_BR, sr@latin) counts as the language."""
    texts = {}
    for lang in sorted(os.listdir(top)):
        folder = os.path.join(top, lang, 'LC_MESSAGES')
        for f in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            with open(os.path.join(folder, f), 'rb') as mo:
                said = gettext.GNUTranslations(mo)._catalog
            for key, text in said.items():
                if key and isinstance(text, str) and text != key:
                    texts.setdefault(re.split('[_@]', lang)[0], set()).update(
                        s.strip() for s in re.split(r'[%\n]|(?<=[.!?\u0964\u17d4])\s', text.replace('\n ', ' ')))
    return texts

def main():
    a = argparse.ArgumentParser()
    a.add_argument('dir')
    a.add_argument('--unit', choices=['sentence', 'paragraph', 'message'], default='sentence')
    a.add_argument('-n', type=int, default=400)
    o = a.parse_args()
    manual = [] if o.unit == 'message' else sorted(os.listdir(o.dir))
    texts = {} if manual else messages(os.path.join(o.dir, 'locale'))
    for lang in 'cs da de es fi fr hu id it ja mk nb nl pl pt ro ru sr sv tr uk vi zh nn en'.split() if not manual else []:
        texts.pop(lang, None)
    texts.setdefault('en', set())
    for lang in manual:
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
            low, high = {'sentence': (30, 200), 'paragraph': (250, 1 << 20), 'message': (30, 200)}[o.unit]
            if wide:
                low, high = low // 2, high // 2
            if not low <= letters(s) <= high or letters(s) < 0.6 * len(s.replace(' ', '')):
                continue
            if re.search(r'[/_=<>{}|]|--|https?:|@', s) or '\ufffd' in s or (lang != 'en' and (s in texts['en'] or english(s))):
                continue
            if lang in NOT_LATIN and sum(c.isascii() and c.isalpha() for c in s) > 0.3 * letters(s):
                continue
            keep.append(s)
        keep.sort(key=lambda s: hashlib.sha1(s.encode()).digest())
        for s in keep[:o.n]:
            print(lang.split('-')[0], s, sep='\t')

if __name__ == '__main__':
    main()
