#!/bin/bash
# Parquet in and out on the command line: export and curate, a library that is not there.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "parquet: $*" >&2; exit 1; }
cd "$tmp"
seq 1 3000 | jq -c '{id: ., text: "row \(. % 2000) of some words", tags: [{k: "a", n: .}]}' >rows.jsonl

# Without the library: one sentence that says how to get it, exit 7, and nothing written.
none() { env XDG_CACHE_HOME="$tmp/none" OUTCROSS_DUCKDB= "$OUTCROSS" "$@"; }
if ! [ -e /usr/local/lib/libduckdb.so ] && ! [ -e /usr/lib/libduckdb.so ]; then
	for verb in "export rows.jsonl -o no.parquet" "curate rows.jsonl --do exact -o no.parquet"; do
		rc=0; none $verb -q 2>err || rc=$?
		[ $rc -eq 7 ] && grep -q 'outcross doctor --fix' err || fail "without library: $rc $(cat err)"
	done
	[ ! -e no.parquet ] || fail "a file was made without the library"
	none doctor | grep -q '^ *parquet .*setup/parquet.sh' || fail "doctor says nothing"
fi
"$OUTCROSS" doctor | grep -q '^ok *parquet' || { echo "DuckDB's library is not installed (setup/parquet.sh)"; exit 77; }

"$OUTCROSS" export rows.jsonl -o rows.parquet -q
"$OUTCROSS" export rows.parquet -q | cmp - rows.jsonl || fail "export there and back"
"$OUTCROSS" curate rows.jsonl --do 'exact: {fields: [text]}' -o want.jsonl -q
for t in 1 2 5; do
	"$OUTCROSS" curate rows.parquet --do 'exact: {fields: [text]}' --threads $t -o got.jsonl -q -f
	cmp got.jsonl want.jsonl || fail "curate from Parquet, $t threads"
	"$OUTCROSS" curate rows.jsonl --do 'exact: {fields: [text]}' --threads $t -o got$t.parquet -q
	cmp got1.parquet got$t.parquet || fail "bytes differ with $t threads"
done
[ "$(wc -l <want.jsonl)" -eq 2000 ] || fail "rows kept"
"$OUTCROSS" export got1.parquet -q | cmp - want.jsonl || fail "curate into Parquet"
[ -z "$(ls | grep -e tmp -e made)" ] || fail "left behind: $(ls)"
# A conversion that fails leaves the old file alone, and no other.
cp rows.parquet before
echo '{"a":1,"A":2}' >clash.jsonl
rc=0; "$OUTCROSS" curate clash.jsonl --do exact -o rows.parquet -f -q 2>err || rc=$?
[ $rc -eq 3 ] && grep -q 'only in case' err || fail "clash: $rc $(cat err)"
cmp before rows.parquet && [ -z "$(ls | grep -e tmp -e made)" ] || fail "after a failure: $(ls)"
rc=0; "$OUTCROSS" curate rows.jsonl --do exact --rejected no.parquet -o x.jsonl -q 2>err || rc=$?
[ $rc -eq 2 ] || fail "rejected rows into Parquet: $rc"

# A plan reads it by its name.
cat >p.yaml <<'END'
outcross: 1
sources:
  rows: {path: rows.parquet, columns: [text, id], attest: "the test wrote them"}
curate: [exact: {fields: [text]}]
END
"$OUTCROSS" run p.yaml -q -o run || fail "run from Parquet"
[ "$(cat run/out/data/*.jsonl | wc -l)" -eq 2000 ] || fail "rows of the run"
head -n 1 run/out/data/train-*.jsonl | grep -q '^{"text":"row 1 of some words","id":1}$' || fail "a row of the run"

# Its own out/ as Parquet: the same rows, pedigrees beside them, every verb that looks at rows.
cat >q.yaml <<'PLAN'
outcross: 1
sources:
  rows: {path: rows.parquet, origin: real, attest: "the test wrote them"}
holdout: {share: 0.1}
curate: [exact: {fields: [text]}]
PLAN
sed 's/^curate/output: {files: parquet}\ncurate/' q.yaml >qp.yaml
"$OUTCROSS" run q.yaml -q -o plain >/dev/null
"$OUTCROSS" run qp.yaml -q -o packed >/dev/null
ls packed/out/data/train-00000-of-00001.parquet packed/out/data/test-00000-of-00001.parquet \
	packed/out/lineage/train-00000-of-00001.jsonl >/dev/null || fail "names: $(ls -R packed/out)"
[ "$(ls packed/out/data packed/out/lineage -A | grep -c '^\.')" -eq 0 ] || fail "temporary files in out/"
for split in train test; do
	"$OUTCROSS" export packed --split $split -q | cmp - plain/out/data/$split-00000-of-00001.jsonl || fail "$split rows"
	cmp {plain,packed}/out/lineage/$split-00000-of-00001.jsonl || fail "$split lineage"
done
grep -q 'path: data/train-\*.parquet' packed/out/README.md || fail "the card's files"
jq -e '.distribution[0].includes == "data/train-*.parquet"' packed/out/croissant.json >/dev/null || fail "croissant"
"$OUTCROSS" show packed -q >a.txt; "$OUTCROSS" show plain -q >b.txt
[ "$(sed 's/packed/plain/g; s/parquet/jsonl/g' a.txt)" = "$(sed 's/parquet/jsonl/g' b.txt)" ] || fail "show differs: $(diff a.txt b.txt)"
key=$(jq -r .key packed/out/lineage/train-00000-of-00001.jsonl | sed -n 5p)
"$OUTCROSS" why packed "$key" >why.txt || fail "why"
grep -q 'some words' why.txt || fail "why shows no row: $(cat why.txt)"
# Another plan takes it with its pedigrees: real rows stay real.
cat >next.yaml <<'PLAN'
outcross: 1
sources:
  before: {path: packed/out/data/train-00000-of-00001.parquet}
PLAN
"$OUTCROSS" run next.yaml -q -o next >/dev/null || fail "a run from a run's Parquet"
[ "$(jq -r .origin next/out/lineage/*.jsonl | sort -u)" = real ] || fail "origin was lost"
rc=0; XDG_CACHE_HOME="$tmp/none" OUTCROSS_DUCKDB="$tmp" "$OUTCROSS" run qp.yaml -q -o none2 2>err || rc=$?
[ $rc -eq 7 ] && [ ! -e none2 ] || fail "a run without the library: $rc $(cat err)"
