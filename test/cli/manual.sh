#!/bin/bash
# doc/manual.md: its reference is what the program says, its console examples do what they say.
# UPDATE=1 writes the reference anew.
. "$ROOT/test/runs.sh"
manual=$ROOT/doc/manual.md
begin='<!-- made by `outcross help --manual`: do not edit below -->'
{ sed "/^$begin\$/q" "$manual"; echo; "$OUTCROSS" help --manual; } >"$tmp/want.md"
if [ -n "${UPDATE:-}" ]; then cp "$tmp/want.md" "$manual"; fi
diff -u "$manual" "$tmp/want.md" >"$tmp/diff" || fail "the reference is not what the program says; make it anew with UPDATE=1: $(head -20 "$tmp/diff")"

serve WRITER_BASE "$tmp/ledger" --answer sums --latency 1
mkdir "$tmp/bin" "$tmp/at"
ln -s "$OUTCROSS" "$tmp/bin/outcross"
PATH=$tmp/bin:$PATH python3 - "$manual" "$tmp/at" <<'PY'
import os, re, subprocess, sys
text = open(sys.argv[1], encoding="utf-8").read()
os.chdir(sys.argv[2])
ran = 0
for m in re.finditer(r"(?:<!-- file: (\S+) -->\n)?^```(\w+)\n(.*?)^```$", text, re.S | re.M):
    name, kind, body = m.groups()
    if name:
        open(name, "w").write(body)
    if kind != "console":
        continue
    for part in re.split(r"^\$ ", body, flags=re.M)[1:]:
        command, _, want = part.partition("\n")
        # pipefail would make `| head` fail; merge the streams as a terminal does
        got = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             stdin=subprocess.DEVNULL, timeout=60).stdout.decode()
        pattern = "".join(".*" if c == "…" else re.escape(c) for c in want)
        pattern = re.sub(r"(^|\n)\.\*(?=\n)", lambda g: g.group(1) + r"(?s:.*)", pattern)
        if not re.fullmatch(pattern, got):
            sys.exit("manual: $ %s\nshould print\n%s\nbut prints\n%s" % (command, want, got))
        ran += 1
if ran < 15:
    sys.exit("manual: only %d commands found" % ran)
PY

# doc/design.md: its excerpts are the files.
python3 - "$ROOT" <<'PY'
import re, sys
root = sys.argv[1]
text = open(root + "/doc/design.md", encoding="utf-8").read()
found = re.findall(r"<!-- from: (\S+) -->\n```\w+\n(.*?)\n```$", text, re.S | re.M)
assert len(found) >= 5, len(found)
for path, part in found:
    if part not in open(root + "/" + path, encoding="utf-8").read():
        sys.exit("design.md: what it shows of %s is no longer there:\n%s" % (path, part[:300]))
PY
