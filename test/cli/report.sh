#!/bin/bash
# report.html: well-formed, nothing from outside, every link leads somewhere, its numbers are those
# of report.json, and text of rows stays text. The card's header parses.
set -eu
[ -x "$B/test/llm-server" ] || { echo "no test server"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
. "$ROOT/test/generated.sh"
cd "$tmp"
cat >hostile.jsonl <<'END'
{"question": "<script>alert(1)</script><img src=x onerror=alert(2)> & \"quoted\" </dd></main> and more words", "answer": "no"}
{"question": "a", "answer": "<!-- never closed"}
not json <b>
END
MORE_SOURCES='web: {type: jsonl, path: hostile.jsonl, origin: synthetic, license: "<i>MIT</i>"}'
generated_run 'curate: [{words: {min: 4}}, {hold: {field: answer, equals: "60"}}]
review: undecided'
python3 - <<'END'
import json, os, re
from html.parser import HTMLParser
page = open("runs/sums/report.html", encoding="utf-8").read()
facts = json.load(open("runs/sums/report.json"))
VOID = {"meta", "br", "img", "hr", "input", "link", "line", "circle", "polyline", "path", "rect"}
class Check(HTMLParser):
    def __init__(self):
        super().__init__()
        self.stack, self.ids, self.hrefs, self.text, self.rows, self.files = [], [], [], [], [], []
    def handle_startendtag(self, tag, attrs): self.attrs(tag, attrs)
    def attrs(self, tag, attrs):
        assert tag not in ("script", "link", "iframe", "object", "embed", "img", "base"), tag
        for k, v in attrs:
            assert not k.startswith("on") and k not in ("src", "srcset", "action", "formaction"), (tag, k)
            if k == "href":
                if v.startswith("#"): self.hrefs.append(v[1:])
                else: self.files.append(v)
            if k == "id": self.ids.append(v)
            if k == "style": assert "url" not in v, v
    def handle_starttag(self, tag, attrs):
        self.attrs(tag, attrs)
        if tag == "tr": self.rows.append([])
        if tag in ("td", "th"): self.rows[-1].append("")
        if tag not in VOID: self.stack.append(tag)
    def handle_endtag(self, tag):
        assert self.stack and self.stack[-1] == tag, (tag, self.stack[-4:], self.getpos())
        self.stack.pop()
    def handle_data(self, data):
        self.text.append(data)
        if self.rows and self.stack and ("td" in self.stack or "th" in self.stack): self.rows[-1][-1] += data
c = Check()
c.feed(page); c.close()
assert not c.stack, c.stack
assert len(set(c.ids)) == len(c.ids), [i for i in c.ids if c.ids.count(i) > 1]
assert set(c.hrefs) <= set(c.ids), set(c.hrefs) - set(c.ids)
assert "out/data/train-00000-of-00001.jsonl" in c.files and "report.json" in c.files, c.files
for f in c.files: assert not f.startswith("/") and os.path.exists("runs/sums/" + f), f
assert not re.search(r"url\(|@import|https?://", page)
text = " ".join("".join(c.text).split())
# Rows' text stays text.
assert "<script>alert(1)</script><img src=x onerror=alert(2)>" in "".join(c.text)
# The numbers.
r, n = facts["rows"], lambda x: f"{x:,}"
assert r["in"] + r["made"] + r["repeated"] == r["train"] + r["test"] + r["held"] + r["rejected"] + r["merged"] + r["unused"], r
assert f"{n(r['in'])} read + {n(r['made'])} made + {n(r['repeated'])} repeated = {n(r['train'])} train + {n(r['test'])} test + {n(r['held'])} held + {n(r['rejected'])} rejected + {n(r['merged'])} merged + {n(r['unused'])} unused" in text
assert f"{n(r['train'])} train rows descend from {n(facts['founders']['distinct'])} distinct real rows" in text
flow = facts["steps"]
assert flow[-1]["went"] == r["train"], (flow[-1], r)
lost = sum(f["n"] for s in flow for f in s["fell"])
assert lost == r["rejected"], (lost, r)
rows = {row[0].split()[0]: row for row in c.rows if len(row) == 5 and row[0].split()}
for s in flow:
    row = rows[s["name"]]
    assert row[1] == (n(s["came"]) if s["came"] else "") and row[2] == n(s["went"]), (s, row)
    for f in s["fell"]: assert f"{n(f['n'])} {f['rule']}" in row[4], (f, row)
groups = {(f["step"], f["rule"]): f for f in facts["fallen"]}
for s in flow:
    for f in s["fell"]: assert groups[f["step"], f["rule"]]["n"] == f["n"], (f, groups.keys())
assert ("web", "") not in groups and ("", "") not in groups
# Examples are machine-made train rows with a real one beside them, the nearest.
lines = [json.loads(l) for l in open("runs/sums/out/lineage/train-00000-of-00001.jsonl")]
data = [json.loads(l) for l in open("runs/sums/out/data/train-00000-of-00001.jsonl")]
real = {l["key"]: d for l, d in zip(lines, data) if l["origin"] == "real"}
tokens = lambda d: re.findall("[a-z0-9]+", " ".join(str(v) for v in (d.values())).lower())
def rouge(a, b):
    t = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b): t[i + 1][j + 1] = t[i][j] + 1 if x == y else max(t[i][j + 1], t[i + 1][j])
    l = t[-1][-1]
    return 2 * (l / len(a)) * (l / len(b)) / (l / len(a) + l / len(b)) if l else 0
assert len(facts["examples"]) == 20
for e in facts["examples"]:
    best = max(rouge(tokens(e["row"]), tokens(d)) for d in real.values())
    assert e["nearest"]["key"] in real and e["nearest"]["row"] == real[e["nearest"]["key"]], e
    assert abs(e["nearest"]["rouge_l"] - best) < 1e-9, (e, best)
    assert e["nearest"]["key"] in text
# The card: every step's rows add up; a YAML header between --- lines.
card = open("runs/sums/out/README.md").read()
steps = [[c.strip() for c in l.split("|")[1:-1]] for l in card.split("What every row went through")[1].split("##")[0].splitlines() if l.startswith("|")][2:]
at = 0
for name, came, went, fell in steps:
    at += int(came or 0) - sum(int(f.split()[0]) for f in fell.split(",") if f)
    assert at == int(went), (name, at, went, fell)
assert at == r["train"] and len(steps) == len(flow), steps
card = open("runs/sums/out/README.md").read()
assert card.startswith("---\n") and "\n---\n" in card[4:]
try:
    import yaml
except ImportError:
    yaml = None
if yaml:
    head = yaml.safe_load(card[4:card.index("\n---\n", 4) + 1])
    files = {x["split"]: x["path"] for x in head["configs"][0]["data_files"]}
    assert set(files) == {"train", "test"} and head["license"], head
json.load(open("runs/sums/out/croissant.json"))
END

# A mix that falls short says so, and rows that it repeats are examples once.
for i in 1 2 3 4 5 6; do echo "{\"text\":\"a person wrote line $i\"}"; done >wrote.jsonl
for i in 1 2 3 4 5; do echo "{\"text\":\"a model made line $i\"}"; done >made.jsonl
cat >short.yaml <<'END'
outcross: 1
sources:
  wrote: {path: wrote.jsonl, origin: real, attest: me}
  made: {path: made.jsonl, origin: synthetic}
holdout: none
mix: {rows: 40, shares: {real: 0.5, synthetic: 0.5}, mode: up_to, repeat: 3}
END
"$OUTCROSS" run short.yaml -q >out 2>err || { echo "a mix that falls short: $(cat err)"; exit 1; }
python3 - <<'END'
import json, re
f = json.load(open("runs/short/report.json"))
assert f["mix"]["shares"] == [{"share": "real", "mode": "up_to", "asked": 20, "got": 18},
                              {"share": "synthetic", "mode": "up_to", "asked": 20, "got": 15}], f["mix"]
page = open("runs/short/report.html", encoding="utf-8").read()
rows = [re.sub("<[^>]*>", " ", r).split() for r in re.findall("<tr>.*?</tr>", page[page.index('id="mix"'):])]
assert "real up to 20 18 2 fewer".split() in rows and "synthetic up to 20 15 5 fewer".split() in rows, rows
assert set(re.findall('href="#([^"]*)"', page)) <= set(re.findall('id="([^"]*)"', page))
keys = [e["key"] for e in f["examples"]]
assert sorted(keys) == ["made:%d" % i for i in range(5)], keys
END
# Rows the mix has no place for: their number leads to the mix, and to the command that shows them.
sed 's/rows: 40/rows: 4/;s/repeat: 3/repeat: 1/' short.yaml >small.yaml
"$OUTCROSS" run small.yaml -q >out 2>err || { echo "a small mix: $(cat err)"; exit 1; }
grep -q '<a href="#mix">7 unused</a>' runs/small/report.html && grep -q 'outcross show ./runs/small --unused' runs/small/report.html ||
	{ echo "unused rows lead nowhere"; exit 1; }
# Whole numbers in one split and fractions in the other: the card declares one type for both.
for i in $(seq 30); do
	if [ $((i % 3)) = 0 ]; then echo "{\"t\":\"row $i\",\"n\":$i.5,\"k\":$i,\"b\":true,\"g\":\"h\"}"; else echo "{\"t\":\"row $i\",\"n\":$i,\"k\":$i,\"b\":false,\"g\":\"x\"}"; fi
done >types.jsonl
printf 'outcross: 1\nsources: {t: {path: types.jsonl, origin: real, attest: me}}\nholdout: {min: 10, by: g, max_share: 0.5}\n' >types.yaml
"$OUTCROSS" run types.yaml -q >out 2>err || { echo "types: $(cat err)"; exit 1; }
[ "$(grep -c '\.5' runs/types/out/data/test-*)" -eq 10 ] && ! grep -q '\.5' runs/types/out/data/train-* || { echo "not the split that was wanted"; exit 1; }
python3 - <<'END'
import json
head = open("runs/types/out/README.md").read().split("---")[1]
assert """dataset_info:
  features:
  - name: "t"
    dtype: string
  - name: "n"
    dtype: float64
  - name: "k"
    dtype: int64
  - name: "b"
    dtype: bool
  - name: "g"
    dtype: string
""" in head, head
fields = {f["name"]: f["dataType"] for f in json.load(open("runs/types/out/croissant.json"))["recordSet"][0]["field"]}
assert fields == {"train/t": "sc:Text", "train/n": "sc:Float", "train/k": "sc:Integer", "train/b": "sc:Boolean", "train/g": "sc:Text"}, fields
END
# A weight may come late: every format has room for one.
printf '{"question":"c","answer":"d"}\n{"question":"a","answer":"b","weight":2}\n{"question":"e","answer":"f","weight":0.5}\n' >weights.jsonl
printf 'outcross: 1\nsources: {t: {path: weights.jsonl}}\noutput: {format: alpaca}\n' >weights.yaml
"$OUTCROSS" run weights.yaml -q >out 2>err || { echo "a late weight: $(cat err)"; exit 1; }
grep -A1 '"weight"' runs/weights/out/README.md | grep -q float64 || { echo "the weight has no type"; exit 1; }
