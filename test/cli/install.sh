#!/bin/bash
# make install into an empty folder: the program runs, and examples/count.c builds against what was
# installed.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "install: $*" >&2; exit 1; }
# A sanitizer's run-time library does not belong into a library that others link.
case $B in */release) ;; *) echo "only the release build is installed"; exit 77 ;; esac
make -s -C "$ROOT" install DESTDIR="$tmp" PREFIX=/usr >"$tmp/log" 2>&1 || fail "$(cat "$tmp/log")"
"$tmp/usr/bin/outcross" --version >/dev/null || fail "the program does not run"
[ -s "$tmp/usr/share/man/man1/outcross.1" ] || fail "no man page"
bash -n "$tmp/usr/share/bash-completion/completions/outcross" || fail "the completions do not parse"
exported=$(nm -D --defined-only "$tmp/usr/lib/liboutcross.so" | awk '{ print $3 }' | sort)
for name in $exported; do
	grep -qw "$name" "$ROOT/include/outcross.h" || fail "$name is exported and not in outcross.h"
done
export PKG_CONFIG_PATH=$tmp/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$tmp
flags=$(pkg-config --cflags --libs outcross) || fail "pkg-config"
# shellcheck disable=SC2086
gcc -std=c17 -Wall -Wextra -Wpedantic -Werror "$ROOT/examples/count.c" $flags -o "$tmp/count" || fail "count.c does not build"
printf '%s\n' '{"t":"one two three"}' '{"t":"one"}' 'no row' '{"t":"three more words"}' >"$tmp/rows.jsonl"
got=$(LD_LIBRARY_PATH=$tmp/usr/lib "$tmp/count" "$tmp/rows.jsonl" words '{"field": "t", "min": 3}')
[ "$got" = "2 of 4 rows kept" ] || fail "count says: $got"
if LD_LIBRARY_PATH=$tmp/usr/lib "$tmp/count" "$tmp/rows.jsonl" words '{"mni": 3}' 2>"$tmp/err"; then fail "mni was taken"; fi
grep -q 'mni' "$tmp/err" || fail "$(cat "$tmp/err")"
