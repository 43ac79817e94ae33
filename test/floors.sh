#!/bin/sh
# The house law: an #include may only point down, and rooms on one floor do not know each other.
set -eu
cd "$(dirname "$0")/.."
awk '
BEGIN {
	n = split("base|data|text net store stat|pipe nn index|model llm|generate verify curate mix measure report|plan|run|loop review|cli", floor, "|")
	for (f = 1; f <= n; f++) {
		k = split(floor[f], room, " ")
		for (i = 1; i <= k; i++) level[room[i]] = f - 1
	}
}
FNR == 1 { split(FILENAME, part, "/"); here = part[2]; if (!(here in level)) { print FILENAME ": the room " here " has no floor"; bad = 1 } }
/^#[ \t]*include[ \t]*"/ {
	match($0, /"[^"]*"/); name = substr($0, RSTART + 1, RLENGTH - 2)
	if (name == "outcross.h" || index(name, "/") == 0) next
	split(name, part, "/"); there = part[1]
	if (!(there in level)) { print FILENAME ":" FNR ": unknown room " there; bad = 1 }
	else if (here != there && level[there] >= level[here]) {
		print FILENAME ":" FNR ": " here " (floor " level[here] ") may not include " there " (floor " level[there] ")"; bad = 1
	}
}
FNR == 801 { print FILENAME ": longer than 800 lines: split it"; bad = 1 }
END { exit bad }
' src/*/*.[ch]
echo "floors: every include points down"
