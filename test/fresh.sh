#!/bin/bash
# A machine that has nothing yet: makes a minimal Debian in a folder, clones this repository into
# it and runs ./check --yes there (or the given command). The package clients inside are set up as
# this machine's are: mirror, proxies, certificates. Needs root and debootstrap, else exit 77.
#
# usage: test/fresh.sh [bookworm|trixie [command ...]]     without a name: both
#   FRESH=folder   keep the system there and use it again (default: a temporary one)
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { "$0" bookworm && exec "$0" trixie; }
distro=$1
shift
[ $# -gt 0 ] || set -- ./check --yes
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
command -v debootstrap >/dev/null && command -v unshare >/dev/null || { echo "debootstrap and unshare are needed"; exit 77; }

root=${FRESH:-}
if [ -z "$root" ]; then
	root=$(mktemp -d)
	trap 'rm -rf --one-file-system "$root"' EXIT
fi
if [ ! -e "$root/fresh-made" ]; then
	# The mirror of this machine; its snapshot or release does not matter here.
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -v security | head -n 1)
	[ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase "$distro" "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 ||
		{ tail -n 3 "$root.log"; echo "no $distro to be had from the mirror"; exit 77; }
	apt-config dump --no-empty | grep -E '^Acquire::(http|https|Retries|Check-)' >"$root/etc/apt/apt.conf.d/00machine" || true
	# What this machine trusts, where Debian looks for a machine's own.
	bundle=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
	mkdir -p "$root/usr/local/share/ca-certificates"
	[ ! -e "$bundle" ] || awk -v to="$root/usr/local/share/ca-certificates/machine-" \
		'/BEGIN CERTIFICATE/ { n++ } n { print >(to n ".crt") } /END CERTIFICATE/ { close(to n ".crt") }' "$bundle"
	touch "$root/fresh-made"
fi
cp /etc/resolv.conf /etc/hosts "$root/etc/"

# Settings of pip and npm travel as variables, so that no file with a token is copied.
settings=()
while IFS='=' read -r name value; do
	settings+=("$name=$value")
done < <(env | grep -E '^(PIP_(CERT|INDEX_URL|EXTRA_INDEX_URL|PROXY|TRUSTED_HOST|DEFAULT_TIMEOUT)|[a-zA-Z]+_(proxy|PROXY)|npm_config_(registry|cafile|proxy)|SSL_CERT_FILE|NODE_EXTRA_CA_CERTS|CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE|GIT_SSL_CAINFO)=' || true)
if command -v npm >/dev/null; then
	for key in registry cafile proxy https-proxy; do
		value=$(npm config get "$key" 2>/dev/null)
		[ -n "$value" ] && [ "$value" != null ] && settings+=("npm_config_${key//-/_}=$value")
	done
fi
for key in index-url cert proxy; do
	value=$(python3 -m pip config get "global.$key" 2>/dev/null) && name=PIP_${key^^} && settings+=("${name//-/_}=$value")
done

mkdir -p "$root/work"
rm -rf "$root/work/outcross"
git clone -q --no-hardlinks . "$root/work/outcross"
shared=$(realpath "${OUTCROSS_SHARED:-../shared}" 2>/dev/null || true)
start=$SECONDS rc=0
# The mounts live in a name space of their own and end with the command.
unshare --mount --pid --fork bash -c '
	root=$1 shared=$2; shift 2
	mount -t proc proc "$root/proc"
	mount --rbind /dev "$root/dev"
	if [ -d "$shared" ]; then mkdir -p "$root/work/shared"; mount --bind "$shared" "$root/work/shared"; fi
	exec chroot "$root" "$@"
' bash "$root" "$shared" /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	CI=true "${settings[@]}" bash -c 'cd /work/outcross && exec "$@"' bash "$@" </dev/null || rc=$?
echo "$distro: $* ended with $rc after $((SECONDS - start)) s"
exit $rc
