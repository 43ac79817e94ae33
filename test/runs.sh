# Shared by the command-line tests that run whole plans. Sourced; needs OUTCROSS, B and ROOT.
set -eu
export LC_ALL=C
tmp=$(mktemp -d)
servers=()
cleanup() {
	for s in ${servers[@]+"${servers[@]}"}; do kill "$s" 2>/dev/null || true; done
	chmod -R u+w "$tmp" 2>/dev/null || true
	rm -rf "$tmp"
}
trap cleanup EXIT
fail() { echo "$(basename "$0" .sh): $*" >&2; exit 1; }
check() { "$B/test/run-check" "$@"; }
no_sanitizer() {
	case $(basename "$B") in asan | tsan) echo "a preloaded library and a sanitizer do not go together"; exit 77 ;; esac
}

TASKS_ANSWER='4. Instruction: {{pick:Name|Draw|Compare|Count|Explain|Rewrite|Order}} {{pick:two|three|four|five}} {{pick:rivers|stones|birds|songs|trees|letters|bridges}} {{pick:by size|by age|for a friend|without haste|from memory|in one line}}.
4. Input:
{{pick:<noinput>|some words {{hash}}}}
4. Output:
{{pick:red|green|blue}} {{int:1:900}}
###
5. Instruction: {{pick:List|Find|Translate|Guess}} the {{pick:oldest|newest|largest}} {{pick:house|song|garden|boat|road}} of {{pick:the town|our valley|your street}} number {{int:1:60}}.
5. Input:
<noinput>
5. Output:
{{hash}}
###'

# serve VAR LEDGER [options]: a test server; VAR=http://127.0.0.1:PORT/v1, pid in VAR_PID.
serve() {
	local var=$1 ledger=$2 out; shift 2
	out=$tmp/$var.port
	: >"$out"
	"$B/test/llm-server" --hold --ledger "$ledger" "$@" >"$out" </dev/null &
	servers+=($!)
	printf -v "${var}_PID" %s $!
	for _ in $(seq 100); do [ -s "$out" ] && break; sleep 0.05; done
	[ -s "$out" ] || fail "the test server does not start"
	export "$var=http://127.0.0.1:$(cat "$out")/v1"
}
stop_server() { # VAR
	local pid=${1}_PID
	kill "${!pid}" && wait "${!pid}" 2>/dev/null || true
}
# What a run promises to be the same in every run of a plan: data, lineage, what fell, what the
# stages measured.
same_run() { # A B
	local a b
	a=$(cd "$1" && ls -d out/data/* out/lineage/* rejected-* held-* unused-* 2>/dev/null || true)
	b=$(cd "$2" && ls -d out/data/* out/lineage/* rejected-* held-* unused-* 2>/dev/null || true)
	[ -n "$a" ] && [ "$a" = "$b" ] || { echo "other files: $a / $b"; return 1; }
	for f in $a; do cmp "$1/$f" "$2/$f" || return 1; done
	python3 - "$1" "$2" <<'END'
import json, sys
one, other = [json.load(open(f"{d}/report.json", encoding="utf-8"))["stages"] for d in sys.argv[1:]]
sys.exit(f"the stages measured something else: {one} / {other}" if json.dumps(one) != json.dumps(other) else 0)
END
}
# steady NAME: NAME.yaml gives the same run (runs/t2) at 2, 1 and 5 threads, each time asked anew, and
# again for nothing from the last one's replies. The server's ledger is ./ledger.
steady() {
	for n in 2 1 5; do
		rm -rf .outcross
		"$OUTCROSS" run "$1.yaml" -q -j $n -o runs/t$n >out 2>err || fail "-j $n: exit $? $(cat err)"
		check ledger runs/t$n || fail "ledger, -j $n"
		same_run runs/t2 runs/t$n || fail "$n threads give another result"
	done
	: >ledger
	"$OUTCROSS" run "$1.yaml" -q -o runs/again >out 2>err || fail "again: $(cat err)"
	same_run runs/t2 runs/again || fail "the second run differs"
	[ "$(asked ledger)" -eq 0 ] || fail "the second run asked $(asked ledger) times"
}
# Requests that reached a server, and good replies written whole.
asked() { grep -c '^ask' "$1" || true; }
# Both servers of plans/, quick.
serve_plans() {
	serve SUMS_BASE "$tmp/sums.ledger" --answer sums --latency "${1:-1}" --jitter 0.9
	serve TASKS_BASE "$tmp/tasks.ledger" --answer "$TASKS_ANSWER" --latency "${1:-1}" --jitter 0.9
}
# Names of the plans that run here, those that others build on first.
plans() {
	local p name
	for p in sums "$ROOT"/plans/*.yaml; do
		name=$(basename "$p" .yaml)
		[ "$p" != "$ROOT/plans/sums.yaml" ] || continue
		grep -q 'type: gguf' "$ROOT/plans/$name.yaml" || echo "$name" # wants a model file
	done
}
# killed_after MICROSECONDS ARGS...: the program, killed then; 137, or its own exit status. Waits for
# the process itself: only then are its files closed. In a shell of its own, which keeps to itself
# what it says about the kill.
killed_after() {
	local at=$1; shift
	(
		"$OUTCROSS" "$@" >out 2>err &
		pid=$!
		(sleep $((at / 1000000)).$(printf %06d $((at % 1000000))); kill -KILL $pid) &
		rc=0
		wait $pid || rc=$?
		kill $! || true
		exit $rc
	) 2>/dev/null
}
