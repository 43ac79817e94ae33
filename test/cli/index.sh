# An index on disk stands for the rows it was made of: the same rows fall as when those come first.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
fail() { echo "$*"; exit 1; }

i=0
while [ $i -lt 300 ]; do
	k=$((i % 5 == 0 ? i / 3 : i)) # every fifth is an earlier one
	echo "{\"text\":\"a$k b$((k % 97)) c$((k % 89)) d$((k * 7 % 101)) e$((k % 83)) f$((k % 79)) g$((k * 5 % 103)) h\"}"
	i=$((i + 1))
done >all.jsonl
sed -n 7p all.jsonl >>all.jsonl # the same again, for exact
head -n 150 all.jsonl >old.jsonl
tail -n +151 all.jsonl >new.jsonl

for stage in novelty near_dup exact; do
	"$OUTCROSS" curate old.jsonl new.jsonl --do $stage -o whole.jsonl -q
	"$OUTCROSS" curate old.jsonl --do $stage -o first.jsonl -q
	"$OUTCROSS" index build old.jsonl --for $stage -o $stage.index -q
	"$OUTCROSS" curate new.jsonl --do "$stage: {against: [$stage.index]}" -o second.jsonl -q -f
	cat first.jsonl second.jsonl | cmp - whole.jsonl || fail "$stage: an index decides otherwise"
	[ -s second.jsonl ] && [ "$(wc -l <second.jsonl)" -lt 150 ] || fail "$stage: nothing was decided"
	# an index that grew knows both
	"$OUTCROSS" index build new.jsonl --for "$stage: {against: [$stage.index]}" -o both.index -q -f
	"$OUTCROSS" curate all.jsonl --do "$stage: {against: [both.index]}" -o none.jsonl -q -f
	[ ! -s none.jsonl ] || fail "$stage: rows of the index are new to it"
	"$OUTCROSS" index build old.jsonl --for $stage -o $stage.index -q 2>err && fail "overwrote an index"
	grep -q -e --force err || fail "does not say how to overwrite"
	rm -f whole.jsonl first.jsonl second.jsonl
done

# decontaminate: an index stands for the benchmark files that it was made of
cp "$ROOT/plans/data/quiz.jsonl" "$ROOT/plans/data/web.jsonl" .
head -n 3 quiz.jsonl >one.jsonl
tail -n +4 quiz.jsonl >two.jsonl
with="fields: [question], answer: answer"
leaks() { # NAME AGAINST [OPTIONS]
	"$OUTCROSS" curate web.jsonl --do "decontaminate: {against: [$2], $with${3:+, $3}}" -o $1.out \
		--rejected $1.rejected --json -q -f 2>err | sed 's/"seconds":[0-9.e-]*//' >$1.json
	[ -s $1.json ] || fail "$2: $(cat err)"
}
"$OUTCROSS" index build one.jsonl --for "decontaminate: {$with}" -o one.index -q
"$OUTCROSS" index build two.jsonl --for "decontaminate: {$with, frequent: 2}" -o two.index -q
"$OUTCROSS" index build two.jsonl --for "decontaminate: {$with, against: [one.index]}" -o ab.index -q
for more in "" "frequent: 3" "ngram: 5, least: 2"; do
	leaks files one.jsonl,two.jsonl "$more"
	[ -s files.rejected ] && [ -s files.out ] || fail "decontaminate: nothing was decided"
	for against in one.index,two.index ab.index one.index,two.jsonl one.jsonl,two.index; do
		leaks index $against "$more"
		for what in out rejected json; do
			cmp files.$what index.$what || fail "decontaminate: $against ($more) says otherwise"
		done
	done
done
refuse() { # FILE OPTIONS WORDS
	"$OUTCROSS" curate web.jsonl --do "decontaminate: {against: [$1], $2}" -o no.out -q 2>err && fail "took $1 with $2"
	grep -q -e "$3" err || fail "$1, $2: $(cat err)"
	[ ! -e no.out ] || fail "an output of what was refused"
}
refuse one.index "fields: [question]" "one.index: was made with .answer."
refuse one.index "$with, compat: gpt3" "one.index: was made with .compat."
refuse near_dup.index "$with" "an index for the stage near_dup, not for decontaminate"
head -c 700 one.index >short.index
refuse short.index "$with" "short.index: is damaged or cut short"
python3 - <<'PY'
b = bytearray(open("one.index", "rb").read())
open("newer.index", "wb").write(b[:8] + b"\x63" + b[9:])
at = b.index(b"?")  # in an item's text
open("bad.index", "wb").write(b[:at] + b"!" + b[at + 1:])
PY
refuse newer.index "$with" "newer Outcross"
refuse bad.index "$with" "section bytes is damaged"
"$OUTCROSS" index build one.jsonl --for "decontaminate: {fields: [prompt]}" -o p.index -q 2>err && fail "no field"
grep -q 'no row of one.jsonl has the field `prompt`' err || fail "$(cat err)"
[ ! -e p.index ] || fail "an index without items"
python3 -c 'import json
for l in open("quiz.jsonl"): print(json.loads(l)["question"])' >quiz.txt
"$OUTCROSS" index build quiz.txt --for decontaminate -o t.index -q 2>err && fail "an index without items"
grep -q 'hold no item' err && [ ! -e t.index ] || fail "$(cat err)"
"$OUTCROSS" index build one.jsonl --for "decontaminate: {against: [quiz.txt]}" -o t.index -q
"$OUTCROSS" curate web.jsonl --do "decontaminate: {against: [quiz.txt, one.jsonl]}" -o files.out -q -f
"$OUTCROSS" curate web.jsonl --do "decontaminate: {against: [t.index]}" -o index.out -q -f
cmp files.out index.out || fail "decontaminate: an index of texts says otherwise"
"$OUTCROSS" curate old.jsonl --do "copies: {against: [one.index]}" -o no.out -q 2>err && fail "copies took an index"
grep -q 'one.index: is an index for the stage decontaminate, not for copies' err || fail "$(cat err)"

# substring: what is left of the indexed rows stays as it is, whatever is done to those after them
i=0
while [ $i -lt 200 ]; do
	k=$((i % 4 == 0 ? i / 5 : i)) # every fourth shares its middle with an earlier one
	echo "{\"text\":\"row $i: $((i * 7919 % 1009)) and $((k * 104729 % 10007)) then $((k * 1299709 % 100003)) meet $((k * 15485863 % 1000003)), end $((i * 31 % 997))\"}"
	i=$((i + 1))
done >all.jsonl
head -n 100 all.jsonl >old.jsonl
tail -n +101 all.jsonl >new.jsonl
for how in 'action: cut, field: text' 'action: drop' 'action: drop, max_coverage: 0.2'; do
	do="substring: {min_span: 24, $how"
	"$OUTCROSS" curate old.jsonl new.jsonl --do "$do}" -o whole.jsonl -q -f
	"$OUTCROSS" curate old.jsonl --do "$do}" -o first.jsonl -q -f
	"$OUTCROSS" index build first.jsonl --for "$do}" -o spans.index -q -f
	for j in 1 2 5; do
		"$OUTCROSS" curate new.jsonl --do "$do, against: [spans.index]}" -o second.jsonl -q -f -j $j
		cat first.jsonl second.jsonl | cmp - whole.jsonl || fail "substring, $how: an index decides otherwise"
	done
	[ "$how" = 'action: drop' ] || ! cmp -s new.jsonl second.jsonl || fail "substring, $how: nothing was decided"
done
"$OUTCROSS" index build old.jsonl --for 'substring: {min_span: 24}' -o a.index -q
"$OUTCROSS" index build new.jsonl --for 'substring: {min_span: 24, against: [a.index]}' -o both.index -q -f
for against in both.index 'a.index, both.index'; do
	"$OUTCROSS" curate all.jsonl --do "substring: {min_span: 24, action: drop, against: [$against]}" -o none.jsonl -q -f
	[ ! -s none.jsonl ] || fail "substring: rows of the index are new to it"
done
"$OUTCROSS" curate all.jsonl --do 'substring: {min_span: 25, against: [a.index]}' -o none.jsonl -q -f 2>err && fail "an index of other options was taken"
grep -q 'min_span' err || fail "does not name the option: $(cat err)"
# a byte changed
cp a.index b.index
printf 'X' | dd of=b.index bs=1 seek=$(($(wc -c <b.index) / 4)) conv=notrunc 2>dd
"$OUTCROSS" curate all.jsonl --do 'substring: {min_span: 24, against: [b.index]}' -o none.jsonl -q -f 2>err && fail "a damaged index was taken"
grep -q 'damaged' err || fail "does not say that it is damaged: $(cat err)"

"$OUTCROSS" index build old.jsonl --for words -o w.index 2>err && fail "words keeps no index"
grep -q 'keeps no index; these do: copies, decontaminate, exact, near_dup, novelty, semantic, substring$' err || fail "$(cat err)"
[ ! -e w.index ] || fail "an index of words appeared"
"$OUTCROSS" index build old.jsonl --for novelty 2>err && fail "no -o"
"$OUTCROSS" index shrink old.jsonl --for novelty -o x 2>err && fail "index shrink"
grep -q 'index build' err || fail "does not say what there is"
echo "index: as if the indexed rows came first"
