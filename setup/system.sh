#!/bin/bash
# Debian packages and yyjson: what building and testing Outcross needs. What is there is left alone.
#
# usage: setup/system.sh [--yes] [--check] build|test ...
#   build   compiler, libraries, the dictionary of the demonstration, pip for the local model
#   test    build, and what ./check needs besides
#   --yes   do not ask before a download;  --check  install nothing, exit 1 if something is missing
set -euo pipefail
cd "$(dirname "$0")/.."

build="gcc make libc6-dev pkg-config ca-certificates libyaml-dev libcurl4-openssl-dev libsqlite3-dev
libzstd-dev zlib1g-dev libisal-dev libxxhash-dev libpcre2-dev libutf8proc-dev libgmp-dev libcld2-dev wordnet-base
python3 python3-pip"
test="libcmocka-dev libmicrohttpd-dev libjansson-dev clang clang-format clang-tidy jq zstd sqlite3 git curl"

yes='' check='' sets=''
for arg; do
	case $arg in
	--yes | -y) yes=1 ;;
	--check) check=1 ;;
	build | test) sets="$sets $arg" ;;
	*) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
	esac
done
case " $sets " in
*" test "*)
	want="$build $test"
	# The sanitizers' and the fuzzer's run-time library carries clang's version in its name.
	want="$want $(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/libclang-rt-\1-dev/p' | head -n 1)"
	;;
*) want=$build ;;
esac

. /etc/os-release
case "${ID:-} ${ID_LIKE:-}" in
*debian*) ;;
*) echo "This is ${PRETTY_NAME:-no Debian}. Outcross is set up by itself on Debian 12 and 13; elsewhere install: $want libyyjson" >&2; exit 7 ;;
esac
# Debian 13 and later package yyjson; Debian 12 gets it from source, below.
packaged_yyjson=$([ "${VERSION_ID:-13}" -ge 13 ] 2>/dev/null && echo yes || true)
[ -n "$packaged_yyjson" ] && want="$want libyyjson-dev"

missing=()
for p in $want; do
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
done

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
if [ ${#missing[@]} -gt 0 ]; then
	if [ -n "$check" ]; then echo "not installed: ${missing[*]}" >&2; exit 1; fi
	if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
		echo "These packages are missing and this is not root. Run: apt-get install ${missing[*]}" >&2
		exit 7
	fi
	as_root apt-get update -qq
	size=$(as_root apt-get install --no-install-recommends --print-uris -qq -y "${missing[@]}" | awk '{ s += $3 } END { printf "%.0f MB", s / 1e6 }')
	echo "Debian packages, $size to download: ${missing[*]}" >&2
	if [ -z "$yes" ]; then
		[ -t 0 ] || { echo "nobody to ask; run it again with --yes" >&2; exit 7; }
		read -r -p "Install them? [Y/n] " answer
		case $answer in '' | [yYjJ]*) ;; *) exit 7 ;; esac
	fi
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends -qq -y \
		-o Dpkg::Use-Pty=0 "${missing[@]}" >/dev/null
fi

# yyjson 0.10.0, MIT: the source archive of the Python package of that name carries it.
yyjson_sha=fcd4dc15c1e39a30bf9fa85d56903029111506860fc3080ab0d81c6c6dacaa8c
if [ -z "$packaged_yyjson" ] && [ ! -e .deps/yyjson/libyyjson.a ]; then
	if [ -n "$check" ]; then echo "not built: yyjson" >&2; exit 1; fi
	echo "yyjson, 0.1 MB to download (its source, by pip), built once into .deps/" >&2
	mkdir -p .deps
	tmp=$(mktemp -d .deps/fetch.XXXXXX)
	trap 'rm -rf "$tmp"' EXIT
	python3 -m pip download -q --disable-pip-version-check --no-deps --no-binary yyjson -d "$tmp" yyjson==4.0.6 >"$tmp/log" 2>&1 ||
		{ tail -n 5 "$tmp/log" >&2; echo "pip could not fetch yyjson; is the network there?" >&2; exit 5; }
	[ "$(sha256sum "$tmp"/yyjson-4.0.6.tar.gz | cut -d' ' -f1)" = $yyjson_sha ] ||
		{ echo "the archive of yyjson is not the one that was measured" >&2; exit 5; }
	tar -xzf "$tmp"/yyjson-4.0.6.tar.gz -C "$tmp"
	mkdir "$tmp/yyjson"
	cp "$tmp"/yyjson-4.0.6/yyjson/yyjson.[ch] "$tmp/yyjson/"
	gcc -O2 -fPIC -c "$tmp/yyjson/yyjson.c" -o "$tmp/yyjson/yyjson.o"
	ar rcs "$tmp/yyjson/libyyjson.a" "$tmp/yyjson/yyjson.o"
	rm "$tmp/yyjson/yyjson.o"
	rm -rf .deps/yyjson
	mv "$tmp/yyjson" .deps/yyjson
fi
