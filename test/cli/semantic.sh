#!/bin/bash
# The stage semantic: on files, the same at any number of threads; in a plan with vectors of an
# endpoint, paid for once, again with the network off, and a sentence where there is no model.
. "$ROOT/test/runs.sh"
cd "$tmp"
seq 1 900 | jq -c '{text: (if . % 3 == 0 then "the cat number \(. - 1) sat on mat \(. * 7 % 100)" else "on mat \((. + 1) * 7 % 100) the cat number \(.) sat" end)}' >rows.jsonl
for t in 1 2 5; do
	"$OUTCROSS" curate rows.jsonl --do semantic --threads $t -o $t.jsonl --rejected r$t.jsonl -q
	cmp 1.jsonl $t.jsonl && cmp r1.jsonl r$t.jsonl || fail "differs with $t threads"
done
jq -e '.lineage.verdicts[0] | .rule == "same_meaning" and .score >= 0.95 and (.evidence.near | startswith("rows:"))' r1.jsonl >/dev/null || fail "evidence: $(head -n 1 r1.jsonl)"
[ "$(cat 1.jsonl r1.jsonl | wc -l)" -eq 900 ] && [ "$(wc -l <r1.jsonl)" -gt 100 ] || fail "counts"
rc=0; "$OUTCROSS" curate rows.jsonl --do 'semantic: {model: m}' -o x.jsonl -q 2>err || rc=$?
[ $rc -eq 2 ] && grep -q 'put it into' err || fail "a model on the command line: $rc $(cat err)"
rc=0; "$OUTCROSS" curate rows.jsonl --do 'semantic: {dim: 4096}' --memory 20MB -o x.jsonl -q 2>err || rc=$?
[ $rc -eq 3 ] && grep -q 'need .* of memory' err && [ ! -e x.jsonl ] || fail "memory: $rc $(cat err)"

serve BASE "$tmp/ledger" --latency 2
(cat rows.jsonl; head -n 50 rows.jsonl; echo '{"text":""}') >more.jsonl
cat >p.yaml <<'END'
outcross: 1
models: {e: {type: openai, base_env: BASE, model: embedder}}
sources: {rows: {path: more.jsonl, origin: unknown}}
curate: [semantic: {model: e, threshold: 0.99}]
END
"$OUTCROSS" run p.yaml -q -o a >/dev/null || fail "a plan with embeddings"
# The ledger has a line for each request and one for each answer; equal texts are asked for once.
[ "$(grep -c . ledger)" -eq 1800 ] || fail "$(grep -c . ledger) lines for 900 texts"
zstdcat a/rejected-*.zst | jq -r 'select(.rule == "same_meaning") | .lineage.key' | grep -c . >n
[ "$(cat n)" -ge 50 ] || fail "equal texts: $(cat n)"
before=$(grep -c . ledger)
stop_server BASE
"$OUTCROSS" run p.yaml --offline -q -o b >/dev/null || fail "offline"
[ "$(grep -c . ledger)" -eq "$before" ] || fail "asked again"
for f in out/data out/lineage; do cmp a/$f/train-00000-of-00001.jsonl b/$f/train-00000-of-00001.jsonl || fail "replay differs"; done
