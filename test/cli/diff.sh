#!/bin/bash
# outcross diff: plans, ledgers, rows in one run only, changed rows.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "diff: $*" >&2; exit 1; }
cd "$tmp"
for i in $(seq 10 29); do echo "{\"text\": \"row number $i has some words\"}"; done >rows.jsonl
cat >p.yaml <<'END'
outcross: 1
name: p
sources: {s: {type: jsonl, path: rows.jsonl, origin: real, collected: 2020}}
curate: [{words: {min: 3}}]
END
"$OUTCROSS" run p.yaml -q -o a >/dev/null
"$OUTCROSS" diff a a >same
grep -q '^the same plan$' same && grep -q '20 the same, 0 with other text' same || fail "$(cat same)"
sed -i '3s/some/more/' rows.jsonl && sed -i '$d' rows.jsonl && echo '{"text": "tiny"}' >>rows.jsonl && echo '{"text": "one more row of words"}' >>rows.jsonl
sed -i 's/min: 3/min: 2/' p.yaml
"$OUTCROSS" run p.yaml -q -o b >/dev/null
"$OUTCROSS" diff a b >text
grep -q '^  - .*min: 3$' text && grep -q '^  + .*min: 2$' text || fail "plan: $(cat text)"
grep -Eq '^  in +20 +21 +\+1$' text || fail "counts: $(cat text)"
"$OUTCROSS" diff b a --json | grep -q '"only_a":\["s:20"\],"only_b":\[\]' || fail "the other way round"
"$OUTCROSS" diff a b --json | python3 -c '
import json, sys
d = json.load(sys.stdin)
assert d["same"] == 18 and sorted(d["changed"]) == ["s:19", "s:2"] and d["only_a"] == [] and d["only_b"] == ["s:20"], d
assert d["rows"]["in"] == [20, 21] and len(d["plan"]) == 2, d'
rc=0; "$OUTCROSS" diff a "$tmp" 2>err || rc=$?
[ $rc -eq 3 ] || fail "no run: $rc"
