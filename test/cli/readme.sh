#!/bin/bash
# What the README says is so: its plan and its commands work as they stand there, its floors are the
# house's, what it quotes of ./run is what ./run says, and what it points to is there.
[ -x "$B/test/llm-server" ] || { echo "no test server"; exit 77; }
. "$ROOT/test/runs.sh"
readme=$ROOT/README.md
# block KIND [N]: the Nth fenced block of that kind.
block() { awk -v kind="\`\`\`$1" -v n="${2:-1}" '$0 == kind && ++seen == n { on = 1; next } /^```$/ { on = 0 } on' "$readme"; }

# The plan and the commands, with a test server's address in place of the one written there.
mkdir "$tmp/rows"
cd "$tmp/rows"
serve BASE "$tmp/ledger" --answer "$TASKS_ANSWER" --latency 1
cp "$ROOT/plans/data/tasks.jsonl" .
"$OUTCROSS" init --from tasks.jsonl >out 2>err || fail "init: $(cat err)"
block yaml | sed "s#http://localhost:8000/v1#$BASE#" >plan.yaml
grep -q "$BASE" plan.yaml || fail "the plan names another address than this test replaces"
export MY_KEY=abc
[ "$(block sh | grep -c ^outcross)" -ge 7 ] || fail "the commands are gone"
n=0
while read -r line; do
	[[ $line == outcross\ * ]] || fail "no command: $line"
	n=$((n + 1))
	bash -c "outcross() { \"$OUTCROSS\" \"\$@\"; }; $line" >out.$n 2>err.$n </dev/null || fail "$line: exit $?, $(cat err.$n)"
done < <(block sh | sed 's/ *#.*//')
grep -q '^plan plan is fine' out.1 || fail "plan: $(cat out.1)"
grep -q 'about [0-9]* requests' out.1 || fail "no forecast: $(cat out.1)"
grep -q ' read, .* made -> .* train, .* test' out.2 || fail "run: $(cat out.2)"
grep -q '^founders ' out.3 || fail "report: $(cat out.3)"
grep -q '^ *parents ' out.5 && grep -q '^ *asked' out.5 || fail "why: $(cat out.5)"
grep -q 'rejected' out.6 || fail "show --rejected: $(cat out.6)"
same_run runs/plan again || fail "the replay differs"
[ "$(wc -l <runs/plan/out/data/train-00000-of-00001.jsonl)" = "$(wc -l <runs/plan/out/lineage/train-00000-of-00001.jsonl)" ] || fail "lineage is not line for line"
before=$(asked "$tmp/ledger")
"$OUTCROSS" run plan.yaml -q >/dev/null || fail "again"
[ "$(asked "$tmp/ledger")" = "$before" ] || fail "the second run asked again"

# The commands on files.
for f in pages made quiz; do cp "$ROOT/plans/data/$f.jsonl" .; done
[ "$(block sh 2 | grep -c ^outcross)" -ge 5 ] || fail "the commands on files are gone"
while read -r line; do
	bash -c "outcross() { \"$OUTCROSS\" \"\$@\"; }; $line" >out 2>err </dev/null || fail "$line: exit $?, $(cat err)"
done < <(block sh 2 | sed 's/  *#.*//')
[ -s new.jsonl ] && [ -s fell.jsonl ] || fail "the commands on files wrote nothing"

cd "$ROOT"
# What it quotes of ./run, its prose and its headings.
while read -r line; do
	grep -qF -- "$line" run || fail "./run does not say: $line"
done < <(block text 1 | grep -E '^(Act|A small|The same|What if)')
for label in generated readable right 'right, not trivial' 'waiting for people'; do
	grep -qF "\"$label\"" src/report/text.c || fail "no bar is called $label"
done
./run --help | grep -q 'plans/demo.yaml' || fail "./run --help"
[ -x check ] && [ -x run ] || fail "not executable"
# The floors: rooms that exist, on the floors that test/floors.sh knows.
block text 3 | awk '/^[0-9]  / { for (i = 2; i <= NF && $i ~ /^[a-z]+$/; i++) if (system("test -d src/" $i) == 0) print $1, $i }' | sort >"$tmp/said"
sed -n 's/.*split("\([^"]*\)", floor.*/\1/p' test/floors.sh | tr '|' '\n' | awk '{ for (i = 1; i <= NF; i++) print NR - 1, $i }' |
	while read -r f room; do [ ! -d "src/$room" ] || echo "$f $room"; done | sort >"$tmp/are"
diff "$tmp/said" "$tmp/are" || fail "the floors are others"
# What it links to.
while read -r file; do
	[ -e "$file" ] || fail "$file is not there"
done < <(sed -n 's/.*](\([^)]*\)).*/\1/p' README.md)
[ "$(stat -c %s doc/report.png)" -le 200000 ] || fail "the picture is too large"
