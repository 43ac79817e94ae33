#!/bin/bash
# Presets: a name for a published chain, in a plan and on the command line; and --list.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
fail() { echo "presets.sh: $*"; exit 1; }
cp -r "$ROOT/plans/data" "$ROOT/plans/fineweb.yaml" .

"$OUTCROSS" curate --list >list || fail "--list"
for stage in $("$OUTCROSS" help stages | awk '/^  [a-z]/ {print $1}'); do
	grep -q "^  $stage  *(\(row\|ordered\|call\|whole\)) " list || fail "--list lacks $stage"
done
"$OUTCROSS" verify --list | cmp -s - list || fail "verify --list differs"
grep -q '^  fineweb .*FineWeb (Penedo' list || fail "--list lacks the presets"
"$OUTCROSS" help fineweb | tr -s '\n ' '  ' | grep -q '`c4: {field: "text", preset: fineweb}`' || fail "help fineweb"
"$OUTCROSS" curate -q && fail "curate without a file"

# the plan prints the stages, and a plan that spells them out is the same plan
"$OUTCROSS" plan --expand fineweb.yaml >expanded || fail "--expand"
[ "$(grep -c '^  - \(gopher_repetition\|gopher_quality\|c4\|fineweb\|near_dup\|pii\):' expanded)" -eq 6 ] ||
	fail "stages: $(grep '^  - ' expanded)"
sed 's/^  - preset: fineweb$/  - gopher_repetition: {field: text}\n  - gopher_quality: {field: text}\n  - c4: {field: text, preset: fineweb}\n  - fineweb: {field: text}\n  - near_dup: {field: text, compat: datatrove}\n  - pii: {fields: [text], types: [email, ip]}/' \
	fineweb.yaml >spelled.yaml
"$OUTCROSS" plan --expand spelled.yaml | sed 's/^name: spelled/name: fineweb/' | cmp - expanded || fail "spelled out it is another plan"
"$OUTCROSS" run fineweb.yaml -o run -q >out || fail "run: $(cat out)"

# the same stages over the file, from the command line
rows=data/pages.jsonl
"$OUTCROSS" curate $rows --do preset:fineweb -o a.jsonl -q || fail "--do preset:fineweb"
"$OUTCROSS" curate $rows --do gopher_repetition:field=text --do gopher_quality:field=text \
	--do 'c4: {field: text, preset: fineweb}' --do fineweb:field=text \
	--do 'near_dup: {field: text, compat: datatrove}' --do 'pii: {fields: [text], types: [email, ip]}' \
	-o b.jsonl -q || fail "spelled out"
cmp a.jsonl b.jsonl || fail "the preset writes other bytes"
[ -s a.jsonl ] || fail "nothing is kept"
sed 's/"text":/"body":/' $rows >body.jsonl
"$OUTCROSS" curate body.jsonl --do preset:fineweb,field=body -o c.jsonl -q || fail "field"
sed 's/"body":/"text":/' c.jsonl | cmp - a.jsonl || fail "another field decides otherwise"
sed 's/preset: fineweb/preset: {of: gopher, field: body}/' fineweb.yaml >gopher.yaml
"$OUTCROSS" plan --expand gopher.yaml | grep -c 'field: body' | grep -qx 2 || fail "of, field"

sed 's/preset: fineweb/preset: finweb/' fineweb.yaml >bad.yaml
"$OUTCROSS" plan bad.yaml 2>err && fail "an unknown preset"
grep -q 'bad.yaml:9.*did you mean `fineweb`' err || fail "message: $(cat err)"
"$OUTCROSS" curate $rows --do preset:finweb -q 2>err && fail "an unknown preset in --do"
grep -q 'did you mean fineweb' err || fail "message: $(cat err)"

# real rows, where the shared data is at hand
shared=${OUTCROSS_SHARED:-$ROOT/../shared}/data/text/gpteacher_codegen_instruct.json
[ -f "$shared" ] || exit 0
"$OUTCROSS" curate "$shared" --do preset:fineweb,field=response -o real.jsonl --rejected r.jsonl -q || fail "real rows"
[ $(($(wc -l <real.jsonl) + $(wc -l <r.jsonl))) -eq 4535 ] || fail "rows are lost"
[ "$(wc -l <real.jsonl)" -gt 0 ] || fail "nothing is kept"
