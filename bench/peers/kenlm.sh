#!/usr/bin/env bash
# Kneser-Ney: ours and KenLM's trainer and models on the same text, in turn. See README.md.
#   VENV=DIR bench/peers/kenlm.sh [TEXT [TEST]]
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=${VENV:?a folder for the peer, VENV=/tmp/peers}
shared=${OUTCROSS_SHARED:-$root/../shared}/data/text
outcross=${OUTCROSS:-$root/build/release/outcross}
times=${TIMES:-3}
mkdir -p "$work/kenlm"
cd "$work/kenlm"

if [ ! -x kenlm_query ]; then
	python3 -m venv venv
	venv/bin/pip -q install setuptools wheel
	venv/bin/pip -q download --no-binary kenlm --no-deps --no-build-isolation kenlm==0.3.0
	tar xzf kenlm-0.3.0.tar.gz
	cmake -S kenlm-0.3.0 -B build -DCMAKE_BUILD_TYPE=Release -DCOMPILE_TESTS=OFF >build.log 2>&1
	make -C build -j2 lmplz build_binary >>build.log 2>&1
	g++ -O3 -DNDEBUG -DKENLM_MAX_ORDER=6 -I kenlm-0.3.0 "$root/bench/peers/kenlm_query.cc" \
		build/lib/libkenlm.a build/lib/libkenlm_util.a -lz -lbz2 -llzma -lpthread -o kenlm_query
fi

# Rows for us and lines for lmplz, the same sentences.
python3 - "$shared" "${1:-}" "${2:-}" <<'PY'
import json, sys
shared, *files = sys.argv[1:]
for out, path, name in (("train", files[0], "gsm8k_train"), ("test", files[1], "gsm8k_test")):
    if path:
        lines = open(path, encoding="utf-8", errors="replace").read().split("\n")
    else:
        rows = map(json.loads, open("%s/%s.jsonl" % (shared, name), encoding="utf-8"))
        lines = [l for r in rows for l in (r["question"] + "\n" + r["answer"]).split("\n")]
    lines = [" ".join(l.split()) for l in lines]
    lines = [l for l in lines if l and not any(m in l for m in ("<s>", "</s>", "<unk>"))]
    with open(out + ".txt", "w", encoding="utf-8") as f:
        f.write("".join(l + "\n" for l in lines))
    with open(out + ".jsonl", "w", encoding="utf-8") as f:
        for i in range(0, len(lines), 40):
            f.write(json.dumps({"text": "\n".join(lines[i:i + 40])}, ensure_ascii=False) + "\n")
PY

echo "text: $(wc -lwc <train.txt) (lines, words, bytes); load $(cut -d' ' -f1-3 /proc/loadavg)"
for i in $(seq "$times"); do
	/usr/bin/time -f 'train ours    %e s, %U+%S s of processor, %M KB' \
		"$outcross" train perplexity train.jsonl --arpa -o ours.arpa -f -q
	/usr/bin/time -f 'train lmplz   %e s, %U+%S s of processor, %M KB' \
		build/bin/lmplz -o 5 -S 1G -T . --arpa kenlm.arpa <train.txt 2>lmplz.log || {
		cat lmplz.log
		exit 1
	}
	tail -n 1 lmplz.log
	/usr/bin/time -f 'train ours.kn %e s, %U+%S s of processor, %M KB' \
		"$outcross" train perplexity train.jsonl -o ours.kn -f -q
done

python3 - <<'PY'
def grams(path):
    with open(path, encoding="utf-8") as f:
        for line in f:
            c = line.rstrip("\n").split("\t")
            if len(c) > 1:
                yield c[1], (float(c[0]), float(c[2]) if len(c) > 2 else 0.0)
ours = dict(grams("ours.arpa"))
p = b = 0.0
n = 0
for g, v in grams("kenlm.arpa"):
    o = ours[g]
    p, b, n = max(p, abs(o[0] - v[0])), max(b, abs(o[1] - v[1])), n + 1
print("estimate: %d n-grams, ours %d; log10 p differs by at most %.1e, backoff by %.1e" % (n, len(ours), p, b))
PY

build/bin/build_binary probing kenlm.arpa kenlm.probing >/dev/null 2>&1
build/bin/build_binary trie kenlm.arpa kenlm.trie >/dev/null 2>&1
for i in $(seq "$times"); do
	"$root/build/release/bench/bench_kn" ours.kn test.txt ours.scores | tail -n 1
	./kenlm_query kenlm.probing test.txt kenlm.scores
	./kenlm_query kenlm.trie test.txt
done
paste ours.scores kenlm.scores | awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > m) m = d; n++ }
	END { printf "score: %d lines, log10 p differs by at most %.1e\n", n, m }'
