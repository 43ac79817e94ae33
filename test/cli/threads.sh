#!/bin/bash
# Every plan in plans/ gives the same bytes at 1, 2 and 5 threads, each asking anew; and so does a
# larger one, of several blocks of work for each thread.
. "$ROOT/test/runs.sh"
serve_plans
cat >"$tmp/large.py" <<'END'
import random
random.seed(11)
words = [a + b for a in ("ba", "co", "du", "fi", "ge", "lo", "mu", "ne") for b in ("rn", "st", "ll", "mp", "rk", "sh")]
rows = []
for i in range(6000):
    if i > 50 and random.random() < 0.1:  # near or exact duplicates
        t = rows[random.randrange(len(rows))].split(" ")
        if random.random() < 0.7:
            t[random.randrange(len(t))] = random.choice(words)
    else:
        t = [random.choice(words) for _ in range(random.randint(3, 40))]
    rows.append(" ".join(t))
for i, t in enumerate(rows):
    print('{"id":%d,"text":"%s"}' % (i, t) if i % 997 else "not a row")
END
for n in 1 2 5; do
	cp -r "$ROOT/plans" "$tmp/t$n"
	cd "$tmp/t$n"
	python3 "$tmp/large.py" >data/large.jsonl
	cat >large.yaml <<'END'
outcross: 1
sources: {rows: {path: data/large.jsonl, origin: real, attest: made}}
holdout: {share: 0.1, by: cluster, min: 20}
curate:
  - exact: {fields: [text]}
  - words: {field: text, min: 5}
  - near_dup: {field: text, threshold: 0.6}
  - novelty: {field: text, threshold: 0.95}
mix: {rows: 4000, mode: up_to}
END
	for name in $(plans) large; do
		"$OUTCROSS" run "$name.yaml" -q -j "$n" >out 2>err || fail "$name -j $n: $(cat err)"
		[ $n -eq 1 ] || same_run "$tmp/t1/runs/$name" "runs/$name" || fail "$name differs at $n threads"
	done
	check ledger runs/large || fail "large"
done
