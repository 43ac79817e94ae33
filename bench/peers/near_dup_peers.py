"""Near duplicates as datatrove and rensa find them: seconds to written output, and recall by Jaccard.

usage: near_dup_peers.py time (datatrove|datatrove-plain|rensa) ROWS.jsonl OUT.jsonl
       near_dup_peers.py recall ROWS.jsonl OUT.jsonl...
needs: pip install datatrove spacy rensa   (0.10.1, 3.8, 0.5.0; no model is downloaded)

`time` prints documents, seconds and seconds of processors, imports not counted. datatrove runs its four MinHash steps as
shipped (14 x 8, 5 words, spaCy's English words), two processes; datatrove-plain with str.split in
place of spaCy. rensa gets shingles of 5 words made in Python, 128 values, its own LSH at 0.7.
`recall` makes all pairs of texts that share a shingle of 5 words, their true Jaccard index, and prints
for each OUT, by tenths of J, in which share of the pairs at least one text is gone.
"""
import glob
import json
import os
import re
import resource
import sys
import tempfile
import time
from collections import defaultdict


def processors():
    """Seconds of processors used so far, by this process and those it waited for."""
    return sum(r.ru_utime + r.ru_stime for r in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def read(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def shingles(text):
    words = re.findall(r"\w+", text.lower())
    return {" ".join(words[i:i + 5]) for i in range(max(1, len(words) - 4))}


class Split:
    def word_tokenize(self, text):
        return text.split()


def datatrove(rows, out, plain):
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import minhash
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter
    if plain:
        minhash.load_word_tokenizer = lambda language: Split()
    else:
        minhash.load_word_tokenizer("en").word_tokenize("warm")
    with tempfile.TemporaryDirectory() as tmp:
        # a file for each process, as datatrove parallelises by file
        os.mkdir(tmp + "/in")
        with open(rows, encoding="utf-8") as f:
            lines = f.readlines()
        half = (len(lines) + 1) // 2
        for i in range(2):
            with open("%s/in/%d.jsonl" % (tmp, i), "w", encoding="utf-8") as f:
                f.writelines(lines[i * half:(i + 1) * half])
        config = minhash.MinhashConfig()

        def run(name, pipeline, tasks):
            LocalPipelineExecutor(pipeline=pipeline, tasks=tasks, workers=2, skip_completed=False, start_method="fork",
                                  logging_dir=tmp + "/log-" + name).run()

        start = time.perf_counter()
        run("1", [JsonlReader(tmp + "/in"), minhash.MinhashDedupSignature(tmp + "/sig", config=config)], 2)
        run("2", [minhash.MinhashDedupBuckets(tmp + "/sig", tmp + "/dup", config=config)], 14)
        run("3", [minhash.MinhashDedupCluster(tmp + "/dup", tmp + "/gone", config=config)], 1)
        run("4", [JsonlReader(tmp + "/in"), minhash.MinhashDedupFilter(tmp + "/gone"),
                  JsonlWriter(tmp + "/out", compression=None)], 2)
        took = time.perf_counter() - start
        with open(out, "w", encoding="utf-8") as to:
            for path in sorted(glob.glob(tmp + "/out/*.jsonl")):
                with open(path, encoding="utf-8") as f:
                    to.writelines(f)
    return len(lines), took


def rensa(rows, out):
    from rensa import RMinHash, RMinHashLSH

    start = time.perf_counter()
    lsh = RMinHashLSH(threshold=0.7, num_perm=128, num_bands=16)
    n, kept, lines = 0, {}, []
    with open(rows, encoding="utf-8") as f:
        for n, line in enumerate(f):
            m = RMinHash(num_perm=128, seed=42)
            m.update(list(shingles(json.loads(line)["text"])))
            if any(m.jaccard(kept[k]) >= 0.7 for k in lsh.query(m)):
                continue
            lsh.insert(n, m)
            kept[n] = m
            lines.append(line)
    with open(out, "w", encoding="utf-8") as f:
        f.writelines(lines)
    return n + 1, time.perf_counter() - start


def recall(rows, outs):
    texts = [row["text"] for row in read(rows)]
    sets = [shingles(text) for text in texts]
    holds = defaultdict(list)
    for i, s in enumerate(sets):
        for x in s:
            holds[x].append(i)
    common = defaultdict(int)
    for ids in holds.values():
        for k, a in enumerate(ids):
            for b in ids[k + 1:]:
                common[a, b] += 1
    bins = [[] for _ in range(5)]
    for (a, b), n in common.items():
        j = n / (len(sets[a]) + len(sets[b]) - n)
        if j >= 0.5:
            bins[min(int(j * 10) - 5, 4)].append((a, b))
    for out in outs:
        left = defaultdict(int)
        for row in read(out):
            left[row["text"]] += 1
        gone = []
        for text in texts:  # of equal texts the first stays
            gone.append(left[text] == 0)
            left[text] -= left[text] > 0
        print("%-20s %s" % (os.path.basename(out).split(".")[0], "  ".join(
            "%.1f: %.3f of %d" % (0.5 + i / 10, sum(gone[a] or gone[b] for a, b in pairs) / max(1, len(pairs)),
                                  len(pairs)) for i, pairs in enumerate(bins))))


def main():
    if sys.argv[1] == "recall":
        recall(sys.argv[2], sys.argv[3:])
        return
    tool, rows, out = sys.argv[2:]
    before = processors()
    n, took = rensa(rows, out) if tool == "rensa" else datatrove(rows, out, tool != "datatrove")
    print(n, took, processors() - before)


if __name__ == "__main__":
    main()
