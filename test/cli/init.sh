#!/bin/bash
# outcross init: a plan for one's own rows, which `outcross plan` accepts as it is.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "init: $*" >&2; exit 1; }
cd "$tmp"
for i in $(seq 1 40); do echo "{\"id\":$i,\"text\":\"row: $i # not a comment\",\"{{x}}\":\"- y\"}"; done >'my rows.jsonl'
"$OUTCROSS" init --from 'my rows.jsonl' 2>said
grep -q '^wrote plan.yaml; next: outcross plan plan.yaml$' said || fail "$(cat said)"
grep -q '40 rows' plan.yaml && grep -q '^#   text: in 100 %' plan.yaml || fail "$(cat plan.yaml)"
grep -q '^    id: id' plan.yaml || fail "the id field was not seen"
"$OUTCROSS" plan plan.yaml | grep -q '^plan my_rows is fine' || fail "its own plan is refused"
# Never over something that is there.
cp plan.yaml before
rc=0; "$OUTCROSS" init --from 'my rows.jsonl' 2>said || rc=$?
[ $rc -eq 2 ] && cmp -s plan.yaml before || fail "overwrote ($rc)"
grep -q 'plan.yaml: is there already; choose another with -o, or say --force' said || fail "$(cat said)"
"$OUTCROSS" init --from 'my rows.jsonl' --force -q
# A plan in another folder finds the rows.
mkdir plans
"$OUTCROSS" init --from 'my rows.jsonl' -o plans/mine.yaml -q
"$OUTCROSS" plan plans/mine.yaml | grep -q '40 rows' || fail "plan in another folder"
# Without --from a plan to fill in, on standard output.
"$OUTCROSS" init -o - | grep -q '^outcross: 1$' || fail "no plan without --from"
# Separators that end lines for YAML only, in fields and values.
printf '{"a\\u2028b: [":"x\\u2028y: ["}\n' >odd.jsonl
"$OUTCROSS" init --from odd.jsonl -o odd.yaml -q
"$OUTCROSS" plan odd.yaml >/dev/null || fail "odd field names"
# What cannot be read is said, and nothing is written.
: >empty.jsonl
rc=0; "$OUTCROSS" init --from empty.jsonl -o e.yaml 2>said || rc=$?
[ $rc -eq 3 ] && [ ! -e e.yaml ] || fail "an empty file: $rc $(cat said)"
rc=0; "$OUTCROSS" init --from nothing.jsonl -o e.yaml 2>said || rc=$?
[ $rc -eq 3 ] && [ ! -e e.yaml ] || fail "a missing file: $rc $(cat said)"
# doctor: the key's state, never the key.
cat >keys.yaml <<'END'
outcross: 1
sources: {p: {path: odd.jsonl}}
END
SECRET_KEY=hunter2 "$OUTCROSS" doctor keys.yaml --json >d.json || [ $? -eq 7 ]
python3 -c 'import json; d = json.load(open("d.json")); assert any(c["what"] == "libraries" for c in d["checks"])'
! grep -q hunter2 d.json
