#!/bin/bash
# outcross plan: summary, expansion, JSON, and the messages and exit statuses of bad inputs.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "plan: $*" >&2; exit 1; }
cd "$tmp"
for i in $(seq 1 60); do echo "{\"question\":\"$i + $i?\",\"answer\":\"$((i + i))\"}"; done >people.jsonl
printf '{"text":"a"}\n{bad\n{"text":"c"}\n' >web.jsonl
cat >good.yaml <<'END'
outcross: 1
sources:
  web: {path: web.jsonl, origin: real}
  people: {path: people.jsonl, origin: real, collected: 2021-10-01, license: MIT}
curate:
  - exact
  - novelty: {threshold: 0.7}
END
"$OUTCROSS" plan good.yaml >out
grep -q '^plan good is fine' out || fail "$(cat out)"
grep -q '^  people  *jsonl  real  *60 rows, MIT, collected 2021-10-01$' out || fail "$(cat out)"
grep -q '^  web  *jsonl  unknown  *3 rows, 1 of the first 3 bad$' out || fail "$(cat out)"
grep -q 'counts as unknown: neither a date' out || fail "$(cat out)"
[ "$(grep -n people out | cut -d: -f1)" -lt "$(grep -n web out | head -1 | cut -d: -f1)" ] || fail "real comes first"
"$OUTCROSS" plan good.yaml --json >out.json
python3 - <<'END'
import json
p = json.load(open("out.json"))
assert p["name"] == "good" and len(p["hash"]) == 32
assert [s["name"] for s in p["sources"]] == ["people", "web"]
assert p["sources"][0]["rows"] == 60 and p["sources"][0]["exact"] and p["sources"][1]["bad"] == 1
assert [s["name"] for s in p["curate"]] == ["exact", "novelty"]
END
"$OUTCROSS" plan --expand good.yaml >full.yaml
"$OUTCROSS" plan --expand full.yaml | sed 's/^name: full/name: good/' | cmp - full.yaml || fail "expansion of an expansion"
[ "$("$OUTCROSS" plan full.yaml | head -1)" = "$("$OUTCROSS" plan good.yaml | head -1)" ] || fail "hash changed"
# Fields that no row has, caps and the mix are shown.
cat >notes.yaml <<'END'
outcross: 1
budget: {money: 2.5, requests: 100}
sources: {people: {path: people.jsonl, origin: real, collected: 2021, id: nr}}
holdout: {by: town}
curate:
  - exact: {fields: [question, qestion]}
  - language: {field: question, label: lang}
  - sample: {n: 5, by: lang}
  - novelty: {field: anwser}
mix: {rows: 20, shares: {real: 1}, repeat: 2, real_floor: 0.5}
END
"$OUTCROSS" plan notes.yaml >out || fail "notes"
for line in 'note       people: no row that was looked at has the field `nr` (id)' \
	'           holdout: no row that was looked at has the field `town` (by)' \
	'           exact: no row that was looked at has the field `qestion` (fields)' \
	'           novelty: no row that was looked at has the field `anwser` (field)' \
	'mix        20 rows, real 1, exact, a row at most 2 times, at least 0.5 real' \
	'budget     at most money 2.5, requests 100'; do
	grep -qxF "$line" out || fail "no '$line' in: $(cat out)"
done
[ "$(grep -c 'no row that' out)" -eq 4 ] || fail "a note too many: $(cat out)"
# Another folder: paths start at the plan.
mkdir sub; (cd sub && "$OUTCROSS" plan ../good.yaml >/dev/null) || fail "from another folder"

bad() { # status, part of the message, plan text
	local rc=0
	printf '%b' "$3" >bad.yaml
	"$OUTCROSS" plan bad.yaml >out 2>err || rc=$?
	[ $rc -eq "$1" ] || fail "exit $rc instead of $1 for: $3 ($(cat err))"
	grep -qF -- "$2" err || fail "expected '$2', got '$(cat err)'"
	[ "$(wc -l <err)" -eq 1 ] && [ ! -s out ] || fail "more than one sentence: $(cat out err)"
}
H='outcross: 1\nsources:\n  p: '
bad 2 'bad.yaml:5:15: unknown key `tresh` in stage novelty; did you mean `threshold`?' "$H{path: people.jsonl}\ncurate:\n  - novelty: {tresh: 0.7}\n"
bad 2 'bad.yaml:2:7: put quotes around text that holds {{ }}: "{{ field }}"' 'outcross: 1\nname: {{ x }}\n'
bad 3 'peple.jsonl: cannot read: No such file or directory (check the path)' "$H{path: peple.jsonl}\n"
: >empty.jsonl
bad 3 'p: there are no rows in it' "$H{path: empty.jsonl}\n"
bad 3 'p: none of the first 3 rows can be read (row 1: bad_json' "$H{type: jsonl, path: bad.yaml}\n"
bad 3 'and `on_bad_row` is stop' "on_bad_row: stop\n$H{path: web.jsonl}\n"
bad 7 'm: the endpoint'"'"'s address is not set: export NO_SUCH_BASE=' "models: {m: {type: openai, base_env: NO_SUCH_BASE, model: x}}\n$H{path: people.jsonl}\n"
bad 2 'm: base: `ftp://x` is not an http:// or https:// address' "models: {m: {type: openai, base: 'ftp://x', model: x}}\n$H{path: people.jsonl}\n"
bad 2 'mix: shares: nobody: is no source' "mix: {shares: {nobody: 0.5}}\n$H{path: people.jsonl}\n"
bad 2 'bad.yaml:5:5: schema: at /type: must be null, boolean' "$H{path: people.jsonl}\nverify:\n  - schema: {schema: {type: strin}}\n"
bad 3 './no.jsonl: cannot read: No such file' "$H{path: people.jsonl}\ncurate:\n  - novelty: {against: [no.jsonl]}\n"
bad 1 'mix: 130 rows are asked for and the sources have 60 (each at most 2 times' "mix: {rows: 130, repeat: 2}\n$H{path: people.jsonl}\n"
bad 2 'mix: the real floor of 0.5 cannot be held: no source counts as real' "mix: {real_floor: 0.5}\n$H{path: people.jsonl}\n"
bad 7 'm: ' "models: {m: {type: gguf, path: no-such-model.gguf}}\n$H{path: people.jsonl}\n"
rc=0; "$OUTCROSS" plan nix.yaml 2>err || rc=$?
[ $rc -eq 4 ] && grep -q 'nix.yaml: cannot open: No such file' err || fail "missing plan: $rc $(cat err)"

# The forecast: requests, tokens and money of a recipe, nothing sent.
cat >ask.yaml <<'END'
outcross: 1
models:
  m: {type: openai, base: "http://127.0.0.1:9/v1", model: x, price: {prompt: 1, completion: 2}}
budget: {money: 0.000001}
sources:
  people: {path: people.jsonl, origin: real, collected: 2021-10-01}
generate:
  - arithmetic: {model: m, rows: 20}
END
"$OUTCROSS" plan ask.yaml >out
grep -q '^  arithmetic  *about [0-9,]* requests' out || fail "$(cat out)"
grep -q 'more than `budget: money`' out || fail "$(cat out)"
"$OUTCROSS" plan ask.yaml --json >out.json
python3 - <<'END'
import json
f = json.load(open("out.json"))["forecast"]
assert f["requests"] >= 20 and f["rows"] == 20, f
assert abs(f["money"] - (f["prompt_tokens"] * 1 + f["completion_tokens"] * 2) / 1e6) < 1e-6, f
END
sed -i 's/model: x,/model: x, key_env: NO_SUCH_KEY_HERE,/' ask.yaml
rc=0; "$OUTCROSS" plan ask.yaml >out 2>err || rc=$?
[ $rc -eq 7 ] && grep -q 'm: the key is not set: export NO_SUCH_KEY_HERE=' err || fail "missing key: $rc $(cat err)"
NO_SUCH_KEY_HERE=x "$OUTCROSS" plan ask.yaml >out || fail "with the key"
# A format that does not fit.
bad 3 'p: the rows are not alpaca' "$H{path: people.jsonl, format: alpaca}\n"
bad 2 'cannot be `alpacca`; did you mean `alpaca`?' "$H{path: people.jsonl, format: alpacca}\n"
"$OUTCROSS" plan <(printf "$H{path: $tmp/people.jsonl, format: qa}\n") >/dev/null || fail "format qa"
# The rehearsal's options are checked, too.
bad 2 'bad.yaml:4:12: unknown key `generation` in `rehearse`; did you mean `generations`?' "$H{path: people.jsonl}\nrehearse: {generation: 3}\n"
"$OUTCROSS" plan <(printf "$H{path: $tmp/people.jsonl}\nrehearse: {generations: 3}\n") >/dev/null || fail "rehearse"
