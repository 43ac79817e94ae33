#!/bin/bash
# The same rows in one file, or cut into four, plain and compressed: the same rows are kept and
# fall, for every stage that needs no model.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
fail() { echo "splits: $*" >&2; exit 1; }
python3 - <<'END'
import json, random
random.seed(6)
words = [a + b for a in ("ba", "co", "du", "fi", "ge", "lo", "mu", "ne") for b in ("rn", "st", "ll", "mp", "rk", "sh")]
rows = []
for i in range(900):
    t = " ".join(random.choice(words) for _ in range(random.randint(5, 90))).capitalize() + "."
    if rows and random.random() < 0.3:
        t = random.choice(rows).split(" ")
        t[random.randrange(len(t))] = random.choice(words)
        t = " ".join(t) + "\n" + random.choice(rows)[:200]
    rows.append(t)
with open("one.jsonl", "w") as f:
    for i, t in enumerate(rows):
        f.write(json.dumps({"id": i, "g": i % 3, "n": random.random(), "text": t}) + "\n")
with open("bench.jsonl", "w") as f:
    for t in rows[::40]:
        f.write(json.dumps({"question": t, "answer": "7"}) + "\n")
END
sed -n '1,100p' one.jsonl >s1.jsonl
sed -n '101,550p' one.jsonl | gzip >s2.jsonl.gz
sed -n '551,551p' one.jsonl >s3.jsonl
sed -n '552,$p' one.jsonl | zstd -q >s4.jsonl.zst
stages=$("$OUTCROSS" curate --list | sed -nE 's/^  ([a-z0-9_]+) +\((row|ordered|call|whole)\).*/\1/p' | sort -u |
	grep -vxE 'judge|math|hold|perplexity|quality|machine_share|code')
[ "$(wc -w <<<"$stages")" -ge 14 ] || fail "only these are listed: $stages"
fell=0
for stage in $stages; do
	case $stage in
	decontaminate) given=': {against: bench.jsonl}' ;;
	sample) given=': {share: 0.4, by: g, weight: n}' ;;
	sort) given=': {by: n}' ;;
	schema) given=': {schema: {required: [text]}}' ;;
	substring) given=': {action: drop}' ;;
	*) given= ;;
	esac
	origins=() split=()
	if [ $stage = copies ]; then
		given=': {action: drop, against: [bench.jsonl]}'
		origins=(--origin one=synthetic) split=(--origin s1=synthetic --origin s2=synthetic --origin s3=synthetic --origin s4=synthetic)
	fi
	"$OUTCROSS" curate one.jsonl "${origins[@]}" --do "$stage$given" -o a.jsonl --rejected ar --force -q -j 2 2>err || fail "$stage: $(cat err)"
	"$OUTCROSS" curate s1.jsonl s2.jsonl.gz s3.jsonl s4.jsonl.zst "${split[@]}" --do "$stage$given" -o b.jsonl --rejected br --force -q -j 3 2>err || fail "$stage, four files: $(cat err)"
	cmp -s a.jsonl b.jsonl || fail "$stage keeps other rows of four files"
	[ "$(jq -c '[.rule, .row]' ar | md5sum)" = "$(jq -c '[.rule, .row]' br | md5sum)" ] || fail "$stage drops for other reasons in four files"
	fell=$((fell + $(wc -l <ar)))
done
[ $fell -gt 1500 ] || fail "the stages drop too little to tell ($fell)"
