#!/usr/bin/env python3
"""The classifier of `outcross train quality` beside fastText on the same rows and the same split.

Three tasks of two kinds of real text: prose of Debian's documentation against program sources of
this machine; answers of GSM8K against others of them in which every fourth pair of neighbouring
words is swapped; questions of GSM8K against others in which one word in eight is a random one. Prints accuracy, AUC, and
seconds for training and for scoring the held-out rows, of both.

  fasttext_quality.py OUTCROSS SHARED_DATA [FOLDER]
"""
import glob, gzip, hashlib, json, os, random, re, subprocess, sys, time
import fasttext

OUTCROSS, SHARED, DIR = sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else '/tmp/fasttext_quality'
os.makedirs(DIR, exist_ok=True)

def gsm(field):
    return [json.loads(l)[field] for l in open(f'{SHARED}/text/gsm8k_train.jsonl')]

def pieces(paths, lines):
    for p in paths:
        try:
            t = (gzip.open(p) if p.endswith('.gz') else open(p, 'rb')).read(300000).decode('utf-8')
        except (OSError, UnicodeDecodeError, EOFError):
            continue
        l = t.split('\n')
        for i in range(0, len(l) - lines, lines):
            s = '\n'.join(l[i:i + lines]).strip()
            if len(s) > 200:
                yield s

def docs_and_code():
    r = random.Random(1)
    prose = sorted(glob.glob('/usr/share/doc/*/README*') + glob.glob('/usr/share/doc/*/NEWS*') +
                   glob.glob('/usr/share/doc/*/copyright') + glob.glob('/usr/share/perl/*/pod/*.pod'))
    code = sorted(glob.glob('/usr/include/**/*.h', recursive=True) + glob.glob('/usr/lib/python3/**/*.py', recursive=True) +
                  glob.glob('/usr/lib/python3.11/*.py') + glob.glob('/usr/share/perl/**/*.pm', recursive=True))
    r.shuffle(prose), r.shuffle(code)
    a, b = [], []
    for out, paths in ((a, prose), (b, code)):
        for s in pieces(paths, 8):
            out.append(s)
            if len(out) == 10000:
                break
    return a, b

def noisy(texts):
    r, out = random.Random(2), []
    words = [w for t in texts for w in t.split(' ')]
    for t in texts:
        out.append(' '.join(r.choice(words) if r.random() < 0.125 else w for w in t.split(' ')))
    return out

def swapped(texts):
    r, out = random.Random(3), []
    for t in texts:
        w = t.split(' ')
        for i in range(len(w) - 1):
            if r.random() < 0.25:
                w[i], w[i + 1] = w[i + 1], w[i]
        out.append(' '.join(w))
    return out

def auc(score, label):
    s = sorted(zip(score, label))
    rank, i, total = 0, 0, 0.0
    while i < len(s):
        k = i
        while k < len(s) and s[k][0] == s[i][0]:
            k += 1
        total += sum(y for _, y in s[i:k]) * (i + k + 1) / 2
        i = k
    m = sum(label)
    return (total - m * (m + 1) / 2) / (m * (len(label) - m))

def cpu(children):
    t = os.times()
    return t.children_user + t.children_system if children else t.user + t.system

def outcross(*args):
    start, wall = cpu(True), time.time()
    p = subprocess.run([OUTCROSS, *args], capture_output=True, text=True)
    if p.returncode:
        sys.exit(p.stderr)
    return cpu(True) - start, time.time() - wall, p.stdout

def run(name, good, bad):
    test, texts = [], {1: [], 0: []}
    for y, rows in ((1, good), (0, bad)):
        for t in rows:
            if not t.strip():
                continue
            held = hashlib.md5(t.encode()).digest()[0] < 26
            (test if held else texts[y]).append((t, y) if held else t)
    for y in (1, 0):
        with open(f'{DIR}/{name}.{y}.jsonl', 'w') as f:
            f.writelines(json.dumps({'text': t}, ensure_ascii=False) + '\n' for t in texts[y])
    with open(f'{DIR}/{name}.test.jsonl', 'w') as f:
        f.writelines(json.dumps({'text': t, 'y': y}, ensure_ascii=False) + '\n' for t, y in test)
    with open(f'{DIR}/{name}.txt', 'w') as f:
        rows = [(t, y) for y in (0, 1) for t in texts[y]]
        random.Random(4).shuffle(rows)
        f.writelines(f'__label__{y} ' + re.sub(r'\s+', ' ', t) + '\n' for t, y in rows)
    mb = sum(len(t.encode()) for t, _ in test) / 1e6
    print(f'{name}: {len(texts[1])} good, {len(texts[0])} bad, {len(test)} held out, {mb:.1f} MB')
    extra = os.environ.get('TRAIN', '').split()
    ct, wt, said = outcross('train', 'quality', '--good', f'{DIR}/{name}.1.jsonl', '--bad', f'{DIR}/{name}.0.jsonl', '--field', 'text',
                            '-o', f'{DIR}/{name}.ocl', '--force', '--json', '-j', '2', *extra)
    cs, ws, _ = outcross('curate', f'{DIR}/{name}.test.jsonl', '--do',
                         f'quality: {{model: {DIR}/{name}.ocl, field: text, min: 0, label: p}}',
                         '-o', f'{DIR}/{name}.out.jsonl', '--force', '-j', '1')
    got = [json.loads(l) for l in open(f'{DIR}/{name}.out.jsonl')]
    score, label = [r['p'] for r in got], [r['y'] for r in got]
    right = sum((s >= 0.5) == (y == 1) for s, y in zip(score, label)) / len(got)
    print(f'  outcross  {100 * right:6.2f} % right, AUC {auc(score, label):.4f}; train {ct:.2f} s CPU ({wt:.2f} s), '
          f'score with reading and writing {cs:.2f} s CPU')
    for dim, lr, epoch in ((100, 0.1, 5), (16, 0.5, 10), (16, 1.0, 25)):
        start, wall = cpu(False), time.time()
        m = fasttext.train_supervised(f'{DIR}/{name}.txt', wordNgrams=2, dim=dim, lr=lr, epoch=epoch, thread=2, verbose=0)
        t, w = cpu(False) - start, time.time() - wall
        lines = [re.sub(r'\s+', ' ', r['text']) for r in got]
        start = cpu(False)
        labels, probs = m.predict(lines)
        s = cpu(False) - start
        score = [p[0] if l[0] == '__label__1' else 1 - p[0] for l, p in zip(labels, probs)]
        right = sum((x >= 0.5) == (y == 1) for x, y in zip(score, label)) / len(got)
        print(f'  fastText dim {dim}, rate {lr}, {epoch} epochs  {100 * right:6.2f} % right, AUC {auc(score, label):.4f}; '
              f'train {t:.2f} s CPU ({w:.2f} s), score {s:.2f} s CPU from memory')

if __name__ == '__main__':
    q, a = gsm('question'), gsm('answer')
    run('docs', *docs_and_code())
    run('swapped', a[::2], swapped(a[1::2]))
    run('noisy', q[::2], noisy(q[1::2]))
