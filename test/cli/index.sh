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

"$OUTCROSS" index build old.jsonl --for words -o w.index 2>err && fail "words keeps no index"
grep -q 'keeps no index; these do: exact, near_dup, novelty$' err || fail "$(cat err)"
[ ! -e w.index ] || fail "an index of words appeared"
"$OUTCROSS" index build old.jsonl --for novelty 2>err && fail "no -o"
"$OUTCROSS" index shrink old.jsonl --for novelty -o x 2>err && fail "index shrink"
grep -q 'index build' err || fail "does not say what there is"
echo "index: as if the indexed rows came first"
