"""Parquet against pyarrow: files that pyarrow writes, read by Outcross, and the other way round.

usage: parquet_pyarrow.py OUTCROSS [FOLDER] [DOCUMENTS]

Compares every value of every type, prints the number of differences, then the speed of turning
DOCUMENTS (default 100,000) documents of 170 words into JSON lines and back: Outcross is two processes
side by side, pyarrow is told to use one core. Writing is timed twice for pyarrow: as a program that
starts, as Outcross does, and within this one, when it is warm. Values that JSON or DuckDB keeps otherwise are listed in `otherwise`.
"""
import datetime as dt
import decimal
import json
import os
import random
import subprocess
import sys
import tempfile
import time

import pyarrow as pa
import pyarrow.parquet as pq

D = decimal.Decimal
outcross = os.path.abspath(sys.argv[1])
folder = sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp()
documents = int(sys.argv[3]) if len(sys.argv) > 3 else 100_000
os.makedirs(folder, exist_ok=True)
os.chdir(folder)

chat = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
columns = {
    "bool": pa.array([True, False, None, True, False]),
    "i8": pa.array([-128, 127, 0, None, 1], pa.int8()),
    "i16": pa.array([-32768, 32767, None, 2, 3], pa.int16()),
    "i32": pa.array([-(2**31), 2**31 - 1, None, 2, 3], pa.int32()),
    "i64": pa.array([2**53 + 1, -(2**63), 2**63 - 1, None, 0], pa.int64()),
    "u8": pa.array([255, 0, 1, None, 3], pa.uint8()),
    "u16": pa.array([65535, 0, 1, None, 3], pa.uint16()),
    "u32": pa.array([2**32 - 1, 0, 1, None, 3], pa.uint32()),
    "u64": pa.array([2**64 - 1, 0, 1, None, 3], pa.uint64()),
    "f32": pa.array([0.1, 1.0, float("nan"), None, -3.4028235e38], pa.float32()),
    "f64": pa.array([0.1, 1.0, float("nan"), None, 1e300]),
    "text": pa.array(["a", "", None, 'q" \\ \n \t \0 x', "\u00e9\u4e2d\U0001f600 not short enough for inside"]),
    "large": pa.array(["a", "", None, "b", "c"], pa.large_string()),
    "d4": pa.array([D("1.5"), D("-0.1"), None, D("0.0"), D("999.9")], pa.decimal128(4, 1)),
    "d9": pa.array([D("12.50"), D("-0.01"), None, D("0.00"), D("9999999.99")], pa.decimal128(9, 2)),
    "d18": pa.array([D("1"), D("-12345678901234567"), None, D("0"), D("7")], pa.decimal128(18, 0)),
    "d38": pa.array([D("12345678901234567890123456789012345.678"), D("-0.001"), None, D("0.000"), D("1.000")], pa.decimal128(38, 3)),
    "date": pa.array([dt.date(2024, 2, 29), dt.date(1, 1, 1), None, dt.date(9999, 12, 31), dt.date(1969, 12, 31)]),
    "time_ms": pa.array([dt.time(13, 5), dt.time(0, 0, 0, 1000), None, dt.time(23, 59, 59, 999000), dt.time(1, 2, 3)], pa.time32("ms")),
    "time_us": pa.array([dt.time(13, 5, 0, 250000), dt.time(0, 0, 0, 1), None, dt.time(23, 59, 59, 999999), dt.time(1, 2, 3)], pa.time64("us")),
    "ts_ms": pa.array([0, -1, None, 10**12 + 123, 1], pa.timestamp("ms")),
    "ts_us": pa.array([0, -1, None, 10**15 + 1, 1], pa.timestamp("us")),
    "ts_utc": pa.array([0, -1, None, 10**15 + 1, 1], pa.timestamp("us", "UTC")),
    "list": pa.array([[1, 2], [], None, [None], [3]], pa.list_(pa.int64())),
    "lists": pa.array([[["x"], []], [], None, [None, ["a text that is not short"]], [["y", None]]], pa.list_(pa.list_(pa.string()))),
    "fixed": pa.array([[1, 2], [3, 4], None, [None, 5], [6, 7]], pa.list_(pa.int32(), 2)),
    "struct": pa.array([{"a": 1, "b": "x"}, {"a": None, "b": None}, None, {"a": 2, "b": '"'}, {"a": 3, "b": "z"}]),
    "chat": pa.array([[{"role": "user", "content": "hi"}], [], None, [{"role": "a", "content": None}, None], []], chat),
    "map": pa.array([[("a", 1), ("b", 2)], [], None, [("c", None)], [("d", 4)]], pa.map_(pa.string(), pa.int32())),
    "map_int": pa.array([[(1, "x")], [], None, [(2, None)], [(3, "y")]], pa.map_(pa.int32(), pa.string())),
    "dictionary": pa.array(["x", "y", None, "x", "y"]).dictionary_encode(),
    "null": pa.nulls(5),
    'a "name", x.y': pa.array([1, 2, 3, 4, 5]),
}
otherwise = "not compared: nanoseconds of times and of UTC timestamps (DuckDB keeps microseconds)"


def fraction(text):
    return text.rstrip("0").rstrip(".") if "." in text else text


def expected(value, kind):
    """What the JSON must say, numbers as the text of a Decimal."""
    if value is None:
        return None
    if isinstance(value, bool) or isinstance(value, str):
        return value
    if isinstance(value, float):
        return None if value != value else ("f", value)
    if isinstance(value, (int, D)):
        return D(value)
    if isinstance(value, dt.datetime):
        text = fraction(value.replace(tzinfo=None).isoformat(timespec="microseconds"))
        return text + ("Z" if value.tzinfo else "")
    if isinstance(value, dt.time):
        return fraction(value.isoformat(timespec="microseconds"))
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dict):
        return {k: expected(v, None) for k, v in value.items()}
    if kind is not None and pa.types.is_map(kind):
        if pa.types.is_string(kind.key_type):
            return {k: expected(v, None) for k, v in value}
        return [{"key": D(k), "value": expected(v, None)} for k, v in value]
    return [expected(v, None) for v in value]


def equal(want, got, single):
    if isinstance(want, tuple):
        value = float(got)
        return value == want[1] or (single and pa.scalar(value, pa.float32()).as_py() == want[1])
    if isinstance(want, list):
        return isinstance(got, list) and len(want) == len(got) and all(equal(a, b, single) for a, b in zip(want, got))
    if isinstance(want, dict):
        return isinstance(got, dict) and list(want) == list(got) and all(equal(want[k], got[k], single) for k in want)
    return type(want) is type(got) and want == got and str(want) == str(got)


def differences(table, path):
    out = subprocess.run([outcross, "export", path, "-q"], check=True, stdout=subprocess.PIPE).stdout
    rows = [json.loads(line, parse_int=D, parse_float=D) for line in out.splitlines()]
    wrong = 0
    for i, row in enumerate(table.to_pylist()):
        for field in table.schema:
            want = expected(row[field.name], field.type)
            if not equal(want, rows[i][field.name], field.type == pa.float32()):
                wrong += 1
                print(f"row {i} {field.name}: {want!r} but {rows[i][field.name]!r}")
    assert len(rows) == table.num_rows
    return wrong


table = pa.table(columns)
total = 0
for how in ({}, {"compression": "zstd", "version": "2.6"}, {"row_group_size": 2, "use_dictionary": False}, {"data_page_version": "2.0", "compression": "gzip"}):
    pq.write_table(table, "types.parquet", **how)
    total += differences(table, "types.parquet")
print(f"pyarrow {pa.__version__}: {4 * table.num_rows * table.num_columns} values, {total} differences; {otherwise}")

random.seed(1)
words = ["w%05d" % i for i in range(20000)]
text = [" ".join(random.choices(words, k=170)) for _ in range(documents)]
docs = pa.table({"id": range(documents), "text": text, "score": [random.random() for _ in text], "meta": [{"n": i, "lang": "en"} for i in range(documents)]})
pq.write_table(docs, "docs.parquet", compression="zstd")


def timed(what, fn):
    best = min(_time(fn) for _ in range(3))
    size = os.path.getsize("docs.jsonl") / 1e6
    print(f"{what}: {best:.2f} s, {size / best:.0f} MB of JSON a second")
    return best


def _time(fn):
    start = time.perf_counter()
    fn()
    return time.perf_counter() - start


def peer_read():
    with open("peer.jsonl", "w") as out:
        for batch in pq.ParquetFile("docs.parquet").iter_batches():
            for row in batch.to_pylist():
                out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def peer_write():
    import pyarrow.json

    pq.write_table(pyarrow.json.read_json("docs.jsonl"), "peer.parquet", compression="zstd")


def run(*args):
    subprocess.run([outcross, *args, "-q", "-f"], check=True)


run("export", "docs.parquet", "-o", "docs.jsonl")
ours, peer = timed("outcross, Parquet to JSON lines", lambda: run("export", "docs.parquet", "-o", "docs.jsonl")), timed("pyarrow + json", peer_read)
same = sum(json.loads(a) == json.loads(b) for a, b in zip(open("docs.jsonl"), open("peer.jsonl")))
print(f"ratio {peer / ours:.1f}; {same} of {documents} rows equal")
pa.set_cpu_count(1)
program = """
import pyarrow as pa, pyarrow.json, pyarrow.parquet as pq
pa.set_cpu_count(1)
pq.write_table(pyarrow.json.read_json("docs.jsonl"), "peer.parquet", compression="zstd")
"""
ours = timed("outcross, JSON lines to Parquet", lambda: run("export", "docs.jsonl", "-o", "back.parquet"))
peer = timed("pyarrow.json, a program", lambda: subprocess.run([sys.executable, "-c", program], check=True))
warm = timed("pyarrow.json, warm", peer_write)
sizes = [os.path.getsize(f) / 1e6 for f in ("back.parquet", "peer.parquet")]
print(f"ratio {peer / ours:.2f}, {warm / ours:.2f}; {sizes[0]:.1f} MB, pyarrow {sizes[1]:.1f} MB; pyarrow reads the same back: {pq.read_table('back.parquet').to_pylist() == docs.to_pylist()}")
