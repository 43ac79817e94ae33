"""MinHash signatures of near_dup with `compat: datatrove` beside datatrove's own, on the same rows.

usage: OUTCROSS=build/release/outcross datatrove_minhash.py ROWS.jsonl   (objects with a `text`)
needs: pip install datatrove spacy xxhash   (0.10.1, 3.8, 3.8; no model is downloaded)

Outcross keeps one XXH3-64 of each band's eight values (seed: 1 + the band's number); the same is made
of datatrove's. Prints in how many rows a shingle or a band differs, and those rows.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

import xxhash
from datatrove.pipeline.dedup.minhash import MinhashDedupSignature


def sections(path):
    """The arrays of an index on disk (src/index/disk.h)."""
    with open(path, "rb") as f:
        data = f.read()
    at, length = struct.unpack_from("<QQ", data, 16)
    table = json.loads(data[at:at + length])
    return {s["name"]: data[s["at"]:s["at"] + s["len"]] for s in table["sections"]}


def ours(rows):
    with tempfile.TemporaryDirectory() as tmp:
        subprocess.run([os.environ["OUTCROSS"], "index", "build", rows, "--for",
                        "near_dup: {field: text, compat: datatrove}", "-o", tmp + "/i", "-q"], check=True)
        part = sections(tmp + "/i")
    at = 0
    for i in range(len(part["rows"]) // 16):
        number, shingle_n, _ = struct.unpack_from("<QII", part["rows"], 16 * i)
        yield (number, struct.unpack_from("<%dQ" % shingle_n, part["shingles"], 8 * at),
               struct.unpack_from("<14Q", part["bands"], 14 * 8 * i))
        at += shingle_n


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        texts = [json.loads(line)["text"] for line in f]
    with tempfile.TemporaryDirectory() as tmp:
        peer = MinhashDedupSignature(output_folder=tmp)
    mine = {number: (shingles, bands) for number, shingles, bands in ours(sys.argv[1])}
    shingle, band, signed = [], [], 0
    for number, text in enumerate(texts):
        x = peer.get_shingles(text)
        want = ((), ())
        if x.size:
            signed += 1
            want = (tuple(sorted(set(x.ravel().tolist()))),
                    tuple(xxhash.xxh3_64_intdigest(struct.pack("<8Q", *values), seed=i + 1)
                          for i, values in enumerate(peer.get_signature(x))))
        got = mine.get(number, ((), ()))
        shingle += [number] if got[0] != want[0] else []
        band += [number] if got[1] != want[1] else []
    print("datatrove_minhash: %d rows, %d with a signature, other shingles %d, other bands %d"
          % (len(texts), signed, len(shingle), len(band)))
    for number in sorted(set(shingle + band)):
        print("  row %d: %.100r" % (number, texts[number]))


main()
