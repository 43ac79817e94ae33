#!/bin/bash
# Help, man page, completions and manual: complete, and made without complaint by their readers.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "help: $*" >&2; exit 1; }

verbs=$("$OUTCROSS" | awk '/^  [a-z]/ {print $1}')
[ "$(echo "$verbs" | wc -l)" -ge 4 ] || fail "too few verbs in the overview"
for v in $verbs; do
	"$OUTCROSS" "$v" --help >"$tmp/a" || fail "$v --help"
	"$OUTCROSS" help "$v" >"$tmp/b" || fail "help $v"
	head -1 "$tmp/a" | grep -q "^outcross $v: " || fail "$v --help begins otherwise"
	cmp -s "$tmp/a" <(head -n "$(wc -l <"$tmp/a")" "$tmp/b") || fail "help $v and $v --help differ"
	! LC_ALL=C.UTF-8 grep -nE '^.{101}' "$tmp/a" || fail "$v --help is wider than 100 columns"
done
for list in stages presets sources recipes models llms; do
	"$OUTCROSS" help $list >"$tmp/list"
	for part in $(awk '/^  [a-z_0-9]+( |$)/ {print $1}' "$tmp/list"); do
		"$OUTCROSS" help "$part" | grep -q "^$part (" || fail "help $part"
	done
done
"$OUTCROSS" help plan-keys | grep -q '^  sources.NAME.origin' || fail "plan-keys"

"$OUTCROSS" help --completions >"$tmp/completions"
bash -n "$tmp/completions"
got=$(bash -c '. "$1"; COMP_WORDS=(outcross pl); COMP_CWORD=1; _outcross; echo "${COMPREPLY[*]}"' _ "$tmp/completions")
[ "$got" = plan ] || fail "completion of pl gives '$got'"
got=$(bash -c '. "$1"; COMP_WORDS=(outcross plan --ex); COMP_CWORD=2; _outcross; echo "${COMPREPLY[*]}"' _ "$tmp/completions")
[ "$got" = --expand ] || fail "completion of plan --ex gives '$got'"

"$OUTCROSS" help --man >"$tmp/man"
for v in $verbs; do grep -q "^\.SS $v" "$tmp/man" || fail "no $v in the man page"; done
if command -v groff >/dev/null; then
	groff -man -Tutf8 -ww "$tmp/man" >/dev/null 2>"$tmp/warnings"
	[ ! -s "$tmp/warnings" ] || { cat "$tmp/warnings"; fail "groff complains"; }
fi
"$OUTCROSS" help --manual >"$tmp/manual"
for v in $verbs; do grep -q "^### outcross $v" "$tmp/manual" || fail "no $v in the manual"; done

# Wrong lines: exit 2 and one sentence that helps.
bad() { # expected message, arguments
	local want=$1 rc=0; shift
	"$OUTCROSS" "$@" >"$tmp/out" 2>"$tmp/err" || rc=$?
	[ $rc -eq 2 ] || fail "$*: exit $rc instead of 2"
	[ ! -s "$tmp/out" ] || fail "$*: wrote to standard output"
	[ "$(cat "$tmp/err")" = "$want" ] || fail "$*: $(cat "$tmp/err")"
}
bad 'outcross: there is no verb `hlep`; did you mean `help`?' hlep
bad 'outcross: there is no verb `frobnicate`; `outcross help` lists them' frobnicate
bad 'outcross: help: unknown option --mna; did you mean --man?' help --mna
bad 'outcross: help: unknown option --xyzzy; `outcross help --help` lists them' help --xyzzy
bad 'outcross: help: unknown option -Z; `outcross help --help` lists them' help -Z
bad 'outcross: help: --man takes no value' help --man=3
bad 'outcross: help: --threads needs a value: N' help --threads
bad 'outcross: help: --threads needs a number, not `two`' help --threads two
bad 'outcross: help: --threads is 0, but must be from 1 to 1024' help -j0
bad 'outcross: help: nothing is called `novelyt`; did you mean `novelty`?' help novelyt
bad 'outcross: plan: something is missing; usage: outcross plan PLAN [--trial N] [--connect] [--expand]' plan
bad 'outcross: init: `b` is one word too many; usage: outcross init [--from FILE] [-o PLAN]' init b
bad '{"error":{"code":"USAGE","where":"help","message":"unknown option --mna; did you mean --man?","exit":2}}' \
	help --json --mna
# Options anywhere, both spellings, after -- only words.
"$OUTCROSS" --threads 2 help plan --quiet >/dev/null
"$OUTCROSS" -q help --threads=2 plan >/dev/null
bad 'outcross: help: nothing is called `--man`; `outcross help` lists verbs' help -- --man
# A full disk is an error, not a success.
if [ -w /dev/full ]; then
	rc=0; "$OUTCROSS" help >/dev/full 2>"$tmp/err" || rc=$?
	[ $rc -eq 4 ] || fail "writing to a full disk: exit $rc"
	grep -q 'No space left' "$tmp/err" || fail "full disk: $(cat "$tmp/err")"
fi
