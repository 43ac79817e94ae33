#!/bin/bash
# Vectors of a corpus in an index: new rows near one of its rows fall with it as their witness,
# exactly those that a comparison of all pairs finds, whether the vectors are made of words, are a
# member of the rows or lie in a file; what does not fit together is refused.
. "$ROOT/test/runs.sh"
cd "$tmp"

python3 - <<'END'
import json, math, random, struct
random.seed(5)
def unit():
    v = [random.gauss(0, 1) for _ in range(12)]
    n = math.sqrt(sum(x * x for x in v))
    return [x / n for x in v]
def near(v):
    noise = random.choice([0.05, 0.15, 0.3]) / math.sqrt(12)
    return [x + random.gauss(0, noise) for x in v]
old = [unit() for _ in range(400)]
new = [near(random.choice(old)) if i % 2 else unit() for i in range(300)]
for name, rows in (("old", old), ("new", new)):
    with open(name + ".jsonl", "w") as out:
        for i, v in enumerate(rows):
            out.write(json.dumps({"text": f"row {i}", "v": v}) + "\n")
    with open(name + ".npy", "wb") as out:
        head = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 12), }" % len(rows)
        head += " " * (63 - (len(head) + 10) % 64) + "\n"
        out.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
        for v in rows:
            out.write(struct.pack("<12f", *v))
END

# A member, and a file: the same index but for how it came, the same rows fall.
"$OUTCROSS" index build old.jsonl --for 'semantic: {vector: v}' -o old.index -q
"$OUTCROSS" index build old.jsonl --for 'semantic: {vectors: old.npy}' -o file.index -q
cmp old.index file.index || fail "a member and a file make other indexes"
for t in 1 2 5; do
	"$OUTCROSS" curate new.jsonl --do 'semantic: {vector: v, against: [old.index]}' --threads $t -o out$t.jsonl --rejected fell$t.jsonl -q
	cmp out1.jsonl out$t.jsonl && cmp fell1.jsonl fell$t.jsonl || fail "differs with $t threads"
done
"$OUTCROSS" curate new.jsonl --do 'semantic: {vectors: new.npy, against: [old.index]}' -o file.jsonl -q
cmp out1.jsonl file.jsonl || fail "vectors of a file decide otherwise"
python3 - <<'END' || fail "not what all pairs say"
import json, math
def read(name):
    return [json.loads(line) for line in open(name)]
def unit(v):
    n = math.sqrt(sum(x * x for x in v))
    return [x / n for x in v]
def dot(a, b):
    return sum(x * y for x, y in zip(a, b))
old = [unit(r["v"]) for r in read("old.jsonl")]
new = [unit(r["v"]) for r in read("new.jsonl")]
fell = {f["lineage"]["key"]: f["lineage"]["verdicts"][0] for f in read("fell1.jsonl")}
known = 0
for i, v in enumerate(new):
    best = max(range(len(old)), key=lambda k: dot(v, old[k]))
    cosine = dot(v, old[best])
    assert abs(cosine - 0.95) > 1e-5
    verdict = fell.get(f"new:{i}")
    if cosine >= 0.95:
        known += 1
        e = verdict["evidence"]
        assert e["near"] == f"old:{best}" and e["in"].endswith("old.index") and abs(e["cosine"] - cosine) < 1e-5, (e, best, cosine)
        assert verdict["rule"] == "same_meaning"
    else:
        assert verdict is None or "in" not in verdict["evidence"], (i, cosine, verdict)
assert 80 < known < 150, known
END

# More rows than one bucket: what falls is never wrong, and nearly nothing is missed.
python3 - <<'END'
import json, random
random.seed(6)
words = ["w%03d" % i for i in range(400)]
old = [[random.choice(words) for _ in range(12)] for _ in range(3000)]
with open("texts.jsonl", "w") as out:
    for w in old:
        out.write(json.dumps({"text": " ".join(w)}) + "\n")
with open("later.jsonl", "w") as out:
    for i in range(600):
        w = list(old[i * 5]) if i % 2 else [random.choice(words) for _ in range(12)]
        random.shuffle(w)
        out.write(json.dumps({"text": " ".join(w)}) + "\n")
END
"$OUTCROSS" index build texts.jsonl --for semantic -o texts.index 2>err
grep -q '3000 vectors of 256 dimensions in 54 buckets' err || fail "$(cat err)"
"$OUTCROSS" curate later.jsonl --do 'semantic: {against: [texts.index]}' -o kept.jsonl --rejected fell.jsonl -q
jq -r '.lineage | select((.verdicts[0].evidence.in // "" | endswith("texts.index")) and .verdicts[0].score >= 0.9999) | "\(.key) \(.verdicts[0].evidence.near)"' fell.jsonl >pairs
python3 - <<'END' || fail "the same words in another order: $(head -n 3 pairs)"
pairs = dict(line.split() for line in open("pairs"))
assert all(int(new[6:]) % 2 and near == f"texts:{int(new[6:]) * 5}" for new, near in pairs.items())
assert len(pairs) >= 297, len(pairs)
END
[ "$(cat kept.jsonl fell.jsonl | wc -l)" -eq 600 ] || fail "rows got lost"

# In a plan, relative to it, and with another seed: the index keeps its own projection.
mkdir plan
cat >plan/p.yaml <<'END'
outcross: 1
seed: 17
sources: {later: {path: ../later.jsonl, origin: unknown}}
curate: [semantic: {against: [../texts.index]}]
END
"$OUTCROSS" run plan/p.yaml -q -o run >/dev/null || fail "a plan with an index"
[ "$(zstdcat run/rejected-*.zst | grep -c '"in":"[^"]*texts.index"')" -ge 297 ] || fail "the plan's rows: $(zstdcat run/rejected-*.zst | head -n 1)"
# Two indexes: the first that has a near row is the witness.
"$OUTCROSS" index build later.jsonl --for semantic -o later.index -q
"$OUTCROSS" curate later.jsonl --do 'semantic: {against: [texts.index, later.index]}' -o none.jsonl --rejected two.jsonl -q
[ ! -s none.jsonl ] && [ "$(grep -c '"in":"[^"]*texts.index"' two.jsonl)" -ge 297 ] || fail "two indexes"

refused() { # STATUS WORDS ARGUMENTS...
	local status=$1 words=$2 rc=0
	shift 2
	"$OUTCROSS" "$@" -q 2>err || rc=$?
	[ $rc -eq "$status" ] && grep -q -e "$words" err && [ ! -e x.jsonl ] && [ ! -e x.index ] || fail "$*: $rc $(cat err)"
}
refused 3 'dim' curate later.jsonl --do 'semantic: {dim: 128, against: [texts.index]}' -o x.jsonl
refused 3 'vectors' curate new.jsonl --do 'semantic: {vector: v, against: [texts.index]}' -o x.jsonl
jq -c '{v: .v[:5]}' new.jsonl >short.jsonl
refused 3 'holds vectors of 12 numbers, those of the rows have 5' curate short.jsonl --do 'semantic: {vector: v, against: [old.index]}' -o x.jsonl
refused 2 'does not grow' index build later.jsonl --for 'semantic: {against: [texts.index]}' -o x.index
refused 2 'give the vectors as vector' index build later.jsonl --for 'semantic: {model: m}' -o x.index
"$OUTCROSS" index build later.jsonl --for near_dup -o dup.index -q
refused 3 'near_dup' curate later.jsonl --do 'semantic: {against: [dup.index]}' -o x.jsonl
head -c 100000 texts.index >torn.index
refused 3 'torn.index' curate later.jsonl --do 'semantic: {against: [torn.index]}' -o x.jsonl
: >nothing.jsonl
refused 3 'no rows to index' index build nothing.jsonl --for semantic -o x.index
echo "semantic_index: witnesses as all pairs say"
