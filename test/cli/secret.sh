#!/bin/bash
# Held-out rows are never shown to a model: no request in the store holds the text of one; and the
# test can tell, because texts of other rows are found there.
. "$ROOT/test/runs.sh"
cp -r "$ROOT/plans" "$tmp/plans"
cd "$tmp/plans"
# Seeds that are unmistakable in a prompt, some twice, some nearly twice: they stay on one side.
python3 - >data/marked.jsonl <<'END'
for i in range(60):
    print('{"instruction": "Describe object number %d-%d with care.", "input": "", "output": "thing %d%d"}' % (i, i * i + 7, i, i))
    if i % 10 == 0:
        print('{"instruction": "Describe object number %d-%d with care.", "input": "", "output": "thing %d%d"}' % (i, i * i + 7, i, i))
END
for by in row cluster; do
	sed "s/tasks.jsonl/marked.jsonl/; s/share: 0.2, min: 2/share: 0.3, min: 2, by: $by/; s/rows: 80/rows: 300/; s/made: 1/made: 0/" tasks.yaml >marked-$by.yaml
done
serve_plans
for by in row cluster; do
	rm -rf .outcross
	"$OUTCROSS" run marked-$by.yaml -q >out 2>err || fail "$by: $(cat err)"
	check requests .outcross/replies >requests
	python3 - $by <<'END' || fail "$by"
import json, re, sys
by = sys.argv[1]
run = "runs/marked-" + by
text = open("requests").read()
shown = set(re.findall(r"object number (\d+-\d+) with", text))
held = set(re.findall(r"object number (\d+-\d+) with", open(run + "/out/data/test-00000-of-00001.jsonl").read()))
train = set(re.findall(r"object number (\d+-\d+) with", open(run + "/out/data/train-00000-of-00001.jsonl").read()))
assert len(held) >= 10 and len(shown) >= 20, (len(held), len(shown))
leak = held & shown
if by == "row":  # the twin of a held-out row is a row of its own when rows are held out
    leak -= {"%d-%d" % (i, i * i + 7) for i in range(0, 60, 10)}
assert not leak, leak
if by == "cluster":
    assert not held & train, held & train
assert shown <= train, shown - train
END
done
