# kill_test PLAN VAR LEDGER N SEED LATENCY: kills runs of PLAN at N random instants; sourced.
#
# The uninterrupted run comes first, into a store of its own. Then, N times: a run with a fresh
# store is killed after a random part of the time that one took, run again, perhaps killed again,
# and in the end its files must be those of the uninterrupted one, every row in its place, and the
# server must not have been paid twice for more than was in flight (`concurrency`) at each kill; nor
# may it have seen an attempt that the store does not know of.
kill_test() {
	local plan=$1 ledger=$2 n=$3 seed=$4 whole i kills sits rc again flight=8
	rm -rf .outcross runs
	local t0=$(date +%s%N)
	"$OUTCROSS" run "$plan.yaml" -q >out 2>err || fail "$plan: $(cat err)"
	whole=$((($(date +%s%N) - t0) / 1000))
	check ledger "runs/$plan" || fail "$plan, not killed"
	rm -rf "$tmp/whole"
	mv runs/$plan "$tmp/whole"
	RANDOM=$seed
	for ((i = 0; i < n; i++)); do
		rm -rf .outcross runs
		: >"$ledger"
		kills=0 sits=0
		while :; do
			local at=$(((RANDOM * 32768 + RANDOM) % whole))
			((++sits < 3)) || at=30000000 # the last sitting is left alone
			rc=0
			killed_after $at run "$plan.yaml" -q || rc=$?
			[ $rc -eq 137 ] && { kills=$((kills + 1)); continue; }
			[ $rc -eq 0 ] || fail "$plan, seed $seed, kill $i: exit $rc: $(cat err)"
			break
		done
		same_run "$tmp/whole" "runs/$plan" || fail "$plan, seed $seed, kill $i: another result"
		check ledger "runs/$plan" || fail "$plan, seed $seed, kill $i: ledger"
		[ ! -e "runs/$plan/work" ] || fail "$plan: work is left"
		# A request is paid again when its answer was on its way at the kill.
		again=$(awk '/^paid/ && paid[$2]++ { n++ } END { print n + 0 }' "$ledger")
		[ "$again" -le $((kills * flight)) ] || fail "$plan, seed $seed, kill $i: $again paid twice, $kills kills"
		# Every attempt the server saw was announced in the store before it left.
		if [ -s "$ledger" ]; then
			local intents=$(check store .outcross/replies | awk '{ print $6 }')
			[ "$intents" -ge "$(asked "$ledger")" ] || fail "$plan, seed $seed, kill $i: $intents intents, $(asked "$ledger") asked"
		fi
		paid_again=$((paid_again + again)) killed=$((killed + kills))
	done
}
