#!/bin/bash
# Definitions people wrote, as rows: setup/words.sh FILE [N]
#
# Takes them from Debian's package wordnet-base (WordNet 3.0, Princeton University, 2006; its licence
# lets anybody copy and use it) and writes about N (5000) rows of JSON to FILE:
#
#   {"question":"What does \"abash\" mean?","answer":"cause to be embarrassed; ...","word":"abash"}
#
# One row a verb: the first word of a synset, when it is one plain word, with the synset's definition
# without its examples. Sexual ones stay out: the demonstration is shown to anybody. Every word
# occurs once; which are taken depends on N alone. A file that is there is left alone.
set -euo pipefail
out=${1:?usage: setup/words.sh FILE [N]} n=${2:-5000}
from=${OUTCROSS_WORDNET:-/usr/share/wordnet}/data.verb
[ -e "$out" ] && exit 0
[ -r "$from" ] || { echo "words.sh: $from is missing; install it: apt-get install wordnet-base" >&2; exit 7; }
mkdir -p "$(dirname "$out")"

# A line: offset, file number, "v", how many words (hexadecimal), the words, pointers, "|", the gloss.
LC_ALL=C awk -v want="$n" -v adult='sex|erotic|copulat|intercourse|lovemaking|genital|masturbat' '
	/^ / { next } # the licence
	{
		bar = index($0, " | ")
		word = $5
		gloss = substr($0, bar + 3)
		if (!bar || word !~ /^[a-z]+$/ || length(word) < 3 || word in seen)
			next
		quote = index(gloss, "; \"") # examples follow
		if (quote)
			gloss = substr(gloss, 1, quote - 1)
		sub(/[ ;:]+$/, "", gloss)
		words = split(gloss, part, " ")
		if (words < 3 || words > 30 || gloss ~ /["\\\t]/ || gloss ~ adult)
			next
		seen[word] = 1
		row[rows++] = sprintf("{\"question\":\"What does \\\"%s\\\" mean?\",\"answer\":\"%s\",\"word\":\"%s\"}", word, gloss, word)
	}
	END { # evenly through the file, which goes by subject
		if (want > rows)
			want = rows
		for (i = 0; i < want; i++)
			print row[int(i * rows / want)]
	}' "$from" >"$out.tmp"
mv "$out.tmp" "$out"
