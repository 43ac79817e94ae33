#!/bin/bash
# kill -9 at random instants, then the same command: nothing lost, nothing paid twice but what was
# in flight, and the result of the uninterrupted run, byte for byte. KILLS=200 for the long set.
. "$ROOT/test/runs.sh"
. "$ROOT/test/kill.sh"
cp -r "$ROOT/plans" "$tmp/plans"
cd "$tmp/plans"
serve_plans 4
# Every kind of stage: rounds, math (row), exact and novelty (ordered), near_dup and copies (whole), the mix.
# At most 8 in flight.
sed -i 's/model: writer, price/model: writer, concurrency: 8, max_concurrency: 8, price/' sums.yaml tasks.yaml
cat >>sums.yaml <<'END'
mix: {shares: {real: 0.5, synthetic: 0.5}, mode: up_to, repeat: 2}
END
# Many blocks are not needed for many checkpoints: each pass ends in one.
python3 - >data/many.jsonl <<'END'
import random
random.seed(5)
for i in range(20000):
    print('{"text":"%s"}' % " ".join(random.choice(("ka", "lo", "mi", "nu", "pe", "ri")) + random.choice("bdfgst") for _ in range(random.randint(2, 12))))
END
sed -n '1~9s/":"/&Once upon a time /p' data/many.jsonl >data/made.jsonl
cat >many.yaml <<'END'
outcross: 1
sources:
  rows: {path: data/many.jsonl, origin: real, attest: made}
  made: {path: data/made.jsonl, origin: synthetic}
holdout: {share: 0.1, by: cluster}
curate:
  - words: {field: text, min: 3}
  - copies: {field: text, min_span: 16, max_span: 24}
  - near_dup: {field: text, ngram: 2}
  - exact: {fields: [text]}
END
n=${KILLS:-20} paid_again=0 killed=0
kill_test sums "$tmp/sums.ledger" $((n * 10 / 20)) 1
kill_test tasks "$tmp/tasks.ledger" $((n * 6 / 20)) 2
kill_test many /dev/null $((n * 4 / 20)) 3
echo "$n runs, $killed kills, $paid_again requests paid again"
