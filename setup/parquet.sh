#!/bin/bash
# DuckDB's C library (MIT), which reads and writes Parquet for Outcross: fetched through npm as it is
# configured on this machine into outcross/duckdb of the cache folder (XDG_CACHE_HOME, else ~/.cache).
# What is there is left alone.
#
# usage: setup/parquet.sh [--yes] [--check]
#   --yes     do not ask before the download
#   --check   fetch nothing; exit 1 and say that it is missing
set -euo pipefail
. "$(dirname "$0")/fetch.sh"

yes= check=
for arg; do
	case $arg in
	--yes | -y) yes=1 ;;
	--check) check=1 ;;
	*)
		sed -n '2,8s/^# \{0,1\}//p' "$0"
		[ "$arg" = --help ] || [ "$arg" = -h ] && exit 0
		exit 2
		;;
	esac
done

# The archives were measured when this file was written; other bytes are refused.
version=1.5.5-r.5
case $(uname -m) in
x86_64)
	machine=x64
	size='24 MB (71 MB unpacked)'
	sha=86d2bda909785550e8a14a57a8a4584827aff0e268d8f1a58c3fd48559f7020e
	;;
aarch64 | arm64)
	machine=arm64
	size='22 MB (63 MB unpacked)'
	sha=3b85f3ea438f7dc3691d7b5e6e4222ffe9127fd17885f96ca72e0c99925c348e
	;;
*)
	die "no ready library for $(uname -m): build DuckDB and set OUTCROSS_DUCKDB to its libduckdb.so"
	;;
esac

[ ! -e "$cache/duckdb/$version" ] || exit 0
if [ -n "$check" ]; then
	echo "not installed: DuckDB's library" >&2
	exit 1
fi

make_tmp
ask "DuckDB's library, for Parquet: $size, by npm (@duckdb/node-bindings-linux-$machine $version)$(npm_note)"
fetch_npm "@duckdb/node-bindings-linux-$machine@$version"
tgz=$tmp/duckdb-node-bindings-linux-$machine-$version.tgz
verify "$tgz" "$sha"
mkdir "$tmp/duckdb"
tar -xzf "$tgz" -C "$tmp/duckdb" --strip-components=1 package/libduckdb.so
tar -xzf "$tgz" -C "$tmp/duckdb" --strip-components=1 package/LICENSE 2>/dev/null || : # not in every one
touch "$tmp/duckdb/$version"
rm -rf "$cache/duckdb"
mv "$tmp/duckdb" "$cache/duckdb"
echo "library: $cache/duckdb" >&2
