#!/bin/bash
# Does a run's out/ folder load with the hub's own loader as it is? Installs `datasets` into a
# virtual environment of its own (about 100 MB; VENV names it), makes a small run, loads it and
# compares: exactly the splits train and test, equal features, the rows of the files.
#   bench/peers/datasets_load.sh [RUN]      without RUN: makes one from test/generated.sh
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
export B=${B:-$root/build/release} ROOT=$root
export OUTCROSS=${OUTCROSS:-$B/outcross}
venv=${VENV:-${TMPDIR:-/tmp}/outcross-datasets-venv}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import datasets' 2>/dev/null; then
	python3 -m venv "$venv"
	"$venv/bin/pip" install -q datasets
fi
run=${1:-}
if [ -z "$run" ]; then
	cd "$tmp"
	. "$root/test/generated.sh"
	generated_run ''
	run=$tmp/runs/sums
fi
HF_HOME=$tmp/hf HF_HUB_OFFLINE=1 "$venv/bin/python" - "$run" <<'END'
import glob, json, sys
import datasets
out = sys.argv[1] + "/out"
d = datasets.load_dataset(out)
assert set(d) == {"train", "test"}, set(d)
assert d["train"].features == d["test"].features, (d["train"].features, d["test"].features)
for split in d:
    rows = [json.loads(l) for f in sorted(glob.glob(f"{out}/data/{split}-*.jsonl")) for l in open(f)]
    assert d[split].num_rows == len(rows), (split, d[split].num_rows, len(rows))
    for a, b in zip(d[split], rows):
        assert {k: v for k, v in a.items() if v is not None} == {k: v for k, v in b.items() if v is not None}, (a, b)
print(f"datasets {datasets.__version__}: train {d['train'].num_rows} rows, test {d['test'].num_rows} rows, features {list(d['train'].features)}: equal, and the rows are those of the files")
END
