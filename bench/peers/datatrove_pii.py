#!/usr/bin/env python3
"""E-mail and IP addresses as datatrove's PIIFormatter and the stage `pii` mask them, on lines of text:
counts of lines that both change, that one changes alone, and examples of the latter.

  datatrove_pii.py OUTCROSS FILE...      FILE: plain text, a case a line (of .tsv the first column)
"""
import json, re, subprocess, sys, tempfile, time
from datatrove.data import Document
from datatrove.pipeline.formatters import PIIFormatter

outcross, files = sys.argv[1], [f for f in sys.argv[2:] if f != "-v"]
lines = []
for f in files:
    for l in open(f, errors='replace'):
        l = l.rstrip('\n').split('\t')[0] if f.endswith('.tsv') else l.rstrip('\n')
        if l.strip() and not l.startswith('#'):
            lines.append(l)
mb = sum(len(l.encode()) for l in lines) / 1e6
peer = PIIFormatter(email_replacement='<email>', ip_replacement='<ip>')
start = time.process_time()
theirs = [peer.format(l) for l in lines]
peer_s = time.process_time() - start
with tempfile.TemporaryDirectory() as d:
    with open(f'{d}/in.jsonl', 'w') as f:
        f.writelines(json.dumps({'text': l}, ensure_ascii=False) + '\n' for l in lines)
    subprocess.run([outcross, 'curate', f'{d}/in.jsonl', '--do', 'pii: {types: [email, ip], mask: typed}', '-o', f'{d}/out.jsonl', '-q', '-j', '1'], check=True)
    ours = [json.loads(l)['text'] for l in open(f'{d}/out.jsonl')]
both = sum(a == b != l for a, b, l in zip(ours, theirs, lines))
print(f'{len(lines)} lines, {mb:.1f} MB; masked alike {both}; datatrove alone {peer_s:.2f} s, {mb / peer_s:.2f} MB/s')
kinds = {'only ours': [], 'only theirs': [], 'differently': []}
for a, b, l in zip(ours, theirs, lines):
    if a != b:
        kinds['only ours' if b == l else 'only theirs' if a == l else 'differently'].append((l, a, b))
for k, x in kinds.items():
    print(f'{k}: {len(x)}')
    if '-v' in sys.argv or len(x) <= 60:
        for l, a, b in x[:60]:
            print(f'    {l[:110]}\n       ours   {a[:110]}\n       theirs {b[:110]}')
