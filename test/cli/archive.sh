#!/bin/bash
# export --archive: the run and the replies it used; unpacked elsewhere it replays with the network off.
. "$ROOT/test/runs.sh"
cp -r "$ROOT/plans" "$tmp/plans"
cd "$tmp/plans"
serve_plans
for name in sums tasks; do "$OUTCROSS" run $name.yaml -q >out 2>err || fail "$name: $(cat err)"; done
stop_server SUMS_BASE
stop_server TASKS_BASE
mkdir "$tmp/there"
for name in sums tasks; do
	"$OUTCROSS" export runs/$name --archive $name.tar 2>err || fail "$name: $(cat err)"
	"$OUTCROSS" export runs/$name --archive $name.tar.zst 2>err || fail "$name: $(cat err)"
	zstd -qdc $name.tar.zst | tar -tf - >members
	tar -tf $name.tar | diff - members || fail "the two kinds differ"
	grep -q "^$name/runs/$name/report.html$" members && grep -q "^$name/.outcross/replies/seg-" members || fail "$(cat members)"
	if grep -q '/work/\|/lock$' members; then fail "$(cat members)"; fi
	tar -C "$tmp/there" -xf $name.tar
	diff -r -x lock -x work -x "*-shm" runs/$name "$tmp/there/$name/runs/$name" || fail "the run folder differs"
done
mv "$tmp/plans" "$tmp/gone"
for name in sums tasks; do
	cd "$tmp/there/$name"
	cp -r "$tmp/gone/data" .
	grep -q 'XXH3-128 [0-9a-f]\{32\}' README.txt || fail "$(cat README.txt)"
	"$OUTCROSS" run plan.yaml -q -o again --offline >out 2>err || fail "$name does not replay: $(cat err)"
	same_run runs/$name again || fail "the replay of $name differs"
	# Only what this run used: the store beside the plan was shared by both.
	replies=$("$OUTCROSS" status again --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["requests"]["cached"])')
	grep -q "the $replies replies" README.txt || fail "$replies: $(cat README.txt)"
done
cd "$tmp/gone"
rc=0; "$OUTCROSS" export runs/sums --archive sums.tar 2>err || rc=$?
[ $rc -eq 2 ] && grep -q 'is there already' err || fail "overwrites: $rc"
rc=0; "$OUTCROSS" export runs/sums --archive sums.zip 2>err || rc=$?
[ $rc -eq 2 ] && grep -q '.tar.zst' err || fail "zip: $rc"
rc=0; "$OUTCROSS" export runs/none --archive x.tar 2>err || rc=$?
[ $rc -eq 4 ] && [ ! -e x.tar ] || fail "no such run: $rc $(cat err)"
