#!/bin/bash
# outcross generate: the plan it makes, and what it says when something is missing.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
fail() { echo "generate: $*" >&2; exit 1; }
says() { # status, text, command...
	local want=$1 text=$2 got=0
	shift 2
	"$@" >out 2>err || got=$?
	[ "$got" = "$want" ] || fail "$*: exit $got, not $want: $(cat err)"
	grep -qF -- "$text" out err || fail "$*: does not say '$text': $(cat out err)"
}

echo '{"question":"What is 3 * 4?","answer":"12"}' >sums.jsonl
at=(--model m --base http://127.0.0.1:9/v1 --from sums.jsonl)
says 0 'type: openai' "$OUTCROSS" generate arithmetic "${at[@]}" --show-plan
says 0 'origin: unknown' "$OUTCROSS" generate arithmetic "${at[@]}" --show-plan
grep -qF 'use: seeds' out || fail "rows that others wrote come out with the model's"
says 0 'attest: me' "$OUTCROSS" generate arithmetic "${at[@]}" --attest me --show-plan
says 0 'rows: 7' "$OUTCROSS" generate arithmetic "${at[@]}" rows=7 'operations=*' 'digits=[1, 2]' --show-plan
grep -qF 'operations: ["*"]' out || fail "a lone * is no string: $(cat out)"
says 2 'outcross: generate: unknown key `digit` in recipe arithmetic; did you mean `digits`' "$OUTCROSS" generate arithmetic "${at[@]}" digit=1
says 2 'NAME=VALUE' "$OUTCROSS" generate arithmetic "${at[@]}" rows
says 2 '--model' "$OUTCROSS" generate arithmetic --from sums.jsonl
says 2 '--from' "$OUTCROSS" generate arithmetic --model m.gguf
[ ! -e runs ] || fail "a wrong line left a folder behind"
