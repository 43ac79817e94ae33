#!/bin/bash
# The demonstration's plan with the local model, smaller: four bars, definitions that stay outside,
# the rehearsal, and nothing sent the second time.
set -eu
fail() { echo "demo: $*" >&2; exit 1; }
"$ROOT"/setup/model.sh --check 2>/dev/null || { echo "the local model is not installed (setup/model.sh)"; exit 77; }
[ -r /usr/share/wordnet/data.verb ] || { echo "wordnet-base is not installed (setup/system.sh build)"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp"/plans "$tmp"/examples "$tmp"/.deps
cp "$ROOT"/examples/sums.jsonl "$tmp"/examples/
"$ROOT"/setup/words.sh "$tmp"/.deps/dictionary.jsonl 1200
[ "$(wc -l <"$tmp"/.deps/dictionary.jsonl)" -eq 1200 ] || fail "words.sh: other than 1200 rows"
[ "$(sed 's/.*"word":"\(.*\)"}/\1/' "$tmp"/.deps/dictionary.jsonl | sort -u | wc -l)" -eq 1200 ] || fail "a word twice"
jq -e . "$tmp"/.deps/dictionary.jsonl >/dev/null || fail "words.sh: broken JSON"
# The demonstration's own plan; only the counts are smaller.
sed -e 's/rows: 40, max_requests: 600/rows: 2, max_requests: 64, round: 32/' -e 's/rows: 60}/rows: 6}/' \
	-e 's/share: 0.1,/share: 0.1, min: 120,/' "$ROOT"/plans/demo.yaml >"$tmp"/plans/demo.yaml
grep -q 'max_requests: 64' "$tmp"/plans/demo.yaml && grep -q 'rows: 6}' "$tmp"/plans/demo.yaml || fail "the plan was rewritten: adapt this test"
cd "$tmp"

"$OUTCROSS" run plans/demo.yaml --show arithmetic >out 2>err || fail "run: $(cat err)"
run=plans/runs/demo
grep -Eq '^(kept|fell)  .*What is [0-9]+ [-+*] [0-9]+\?  -?[0-9]+' err || fail "no sums scrolled by: $(cat err)"
grep -q '^6 rows wait for people' out || fail "$(cat out)"

# None of the six definitions is in out/, all are in the queue beside the real one.
[ "$(grep -l '"recipe":"define"' $run/out/lineage/*.jsonl | wc -l)" -eq 0 ] || fail "an unseen definition is in out/"
[ "$(wc -l <$run/review-queue.jsonl)" -eq 6 ] || fail "the queue holds $(wc -l <$run/review-queue.jsonl) rows"
jq -es 'all(.row.word == .nearest.row.word and .row.answer != null)' $run/review-queue.jsonl >/dev/null || fail "not beside the real definition"
waiting() { jq -c '{question: .row.question, answer: .row.answer}' $run/review-queue.jsonl; }
! cat $run/out/data/*.jsonl | grep -Fx "$(waiting)" || fail "an unseen definition is in out/"

# What the calculator kept is right, and real rows are there.
cat $run/out/data/train-*.jsonl >data; cat $run/out/lineage/train-*.jsonl >lineage
paste -d '\n' data lineage | python3 -c '
import json, sys
lines = [json.loads(l) for l in sys.stdin]
real = 0
for row, ped in zip(lines[::2], lines[1::2]):
    if ped["origin"] == "synthetic":
        e = row["question"].removeprefix("What is ").rstrip("?")
        assert set(e) <= set("0123456789.+-*/, "), row
        assert abs(eval(e.replace(",", "")) - float(row["answer"].replace(",", ""))) < 1e-9, row
        assert ped["recipe"] == "arithmetic" and ped["founders"], ped
    real += ped["origin"] == "real"
assert real > 1000, real
' || fail "a wrong sum was kept"

# Each recipe's rows stand at that recipe, and together they are all that was made.
jq -e '([.steps[] | select(.kind == "recipe") | {(.name): .came}] | add) as $made
	| .rows.made == ([$made[]] | add) and $made.define >= 6 and $made.arithmetic > 6' \
	$run/report.json >/dev/null || fail "the flow of made rows"

# The report: four bars, the rehearsal with three arms over ten generations.
for bar in generated readable right 'right and not trivial'; do
	grep -q ">$bar<" $run/report.html || fail "no bar: $bar"
done
jq -e '.rehearsal.arms | length == 3 and all(.survivors | length == 11)' $run/report.json >/dev/null || fail "no rehearsal"
grep -q '<svg' $run/report.html || fail "no plot"
"$OUTCROSS" report $run --part rehearsal | grep -q '^"cause", continued' || fail "no continuations"
[ "$("$OUTCROSS" report $run | wc -l)" -eq 6 ] || fail "the summary has other than 6 lines"
"$OUTCROSS" report $run --part waiting | grep -q 'none of them is in the data set' || fail "waiting"
! "$OUTCROSS" report $run | grep '^  6 rows were asked for' || fail "rows that wait for people came, too"

# Again: nothing is sent; in a new folder every reply comes from the store, and the data are the same
# at another number of threads.
sent() { jq .requests.sent $run/status.json; }
before=$(sent)
"$OUTCROSS" run plans/demo.yaml -q >/dev/null 2>&1 || fail "again"
[ "$(sent)" = "$before" ] || fail "the second time it asked again"
cp -r $run first; rm -rf $run
"$OUTCROSS" run plans/demo.yaml -q --offline -j 5 >/dev/null 2>err || fail "offline: $(cat err)"
[ "$(sent)" = 0 ] || fail "offline it sent $(sent)"
diff -r first/out/data $run/out/data || fail "other data from the same replies"

# What a person accepts or edits gets in, with that in its pedigree; what is rejected does not.
first=$(waiting | sed -n 1p)
edited=$(sed -n 2p $run/review-queue.jsonl | jq -c '.row | .answer = "said by a person"')
printf 'a\ne %s\nx not a definition\nq\n' "$edited" | "$OUTCROSS" review $run --by tester --finish >/dev/null 2>err || fail "review: $(cat err)"
cat $run/out/data/train-*.jsonl >data; cat $run/out/lineage/train-*.jsonl >lineage
[ "$(grep -c '"recipe":"define"' lineage)" -eq 2 ] || fail "$(grep -c '"recipe":"define"' lineage) definitions after the review"
[ "$(grep -c 'said by a person' data)" -eq 1 ] || fail "the edit is not in the data"
grep '"recipe":"define"' lineage | grep -q '"by":"tester","decision":"accept"' || fail "the acceptance is not in the pedigree"
[ "$(grep -cFx "$first" data)" -eq 1 ] || fail "the accepted definition is not in the data: $first"
