#!/bin/bash
# The two language detectors that Debian has, on sentences and paragraphs of its translated manual
# pages, and on messages of programs in 27 further languages: which is right how often, and MB/s of
# processor time. Downloads 28 packages (40 MB) by apt into a temporary folder; without apt, g++ or
# libexttextcat-dev it says so and measures nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
for need in apt-get g++ dpkg-deb; do
	command -v $need >/dev/null || { echo "skipped: no $need"; exit 0; }
done
[ -e /usr/include/libexttextcat/textcat.h ] && [ -e /usr/share/libexttextcat/fpdb.conf ] ||
	{ echo "skipped: apt-get install libexttextcat-dev libexttextcat-data"; exit 0; }
here=$PWD tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
mkdir man
for l in cs da de el es fi fr hu id it ja mk nb nl pl pt-br ro ru sr sv tr uk vi zh; do
	apt-get download -qq "manpages-$l" 2>/dev/null || { echo "skipped: manpages-$l cannot be had"; exit 0; }
	dpkg-deb -x manpages-"$l"_*.deb "man/$l"
done
apt-get download -qq manpages 2>/dev/null
dpkg-deb -x manpages_*.deb man/en
for p in apt dpkg aptitude-common libc-l10n; do
	apt-get download -qq "$p" 2>/dev/null || { echo "skipped: $p cannot be had"; exit 0; }
	dpkg-deb -x "$p"_*.deb programs
done
g++ -O2 -o detect "$here/bench/peers/language_detectors.cc" -lcld2 -lexttextcat-2.0
for unit in sentence paragraph; do
	python3 "$here/bench/peers/language_corpus.py" man --unit $unit -n $([ $unit = sentence ] && echo 400 || echo 200) >texts
	echo "$(wc -l <texts) ${unit}s"
	./detect <texts
done
python3 "$here/bench/peers/language_corpus.py" programs/usr/share --unit message -n 200 >texts
echo "$(wc -l <texts) messages"
./detect <texts
