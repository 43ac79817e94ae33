#!/usr/bin/env python3
"""How far `machine_share` can be trusted: mixtures of known share, inside and outside its calibration.

usage: OUTCROSS=build/release/outcross machine_share.py FOLDER [--other GGUF] [--rounds N]
needs: Debian's wordnet-base; the shared data (OUTCROSS_SHARED); the small local model (`outcross doctor
       --fix llm`). What is missing is skipped and said. --other: a second model as a .gguf file.

People: the glosses of WordNet, the answers of GSM8K, the tasks of MBPP. Machines: the local model defining
other words of WordNet, warmer and cooler, and answering GSM8K; the second model defining words; the
tasks of GPTeacher. What models write is kept in FOLDER, so that a second call only measures.

In every round the texts of calibration and of test are drawn anew, without one being in both, a
model is trained, and mixtures of known share are estimated. Printed: how often the 95 % interval
held the share (with a Clopper-Pearson interval), the mean estimate, the interval's mean width, and how
often the stage said that it cannot tell.
"""
import argparse
import json
import math
import os
import random
import re
import subprocess
import sys

WORDNET = "/usr/share/wordnet"
SHARED = os.path.join(os.environ.get("OUTCROSS_SHARED", "../shared"), "data", "text")
SHARES = (0.0, 0.1, 0.3, 0.5, 1.0)
ROWS = 300  # of a mixture, where there are as many
DEFINE = """A dictionary, with a short definition of each word.

ferry: a boat that carries people and cars across a river or a strait
patience: the ability to wait or to suffer without becoming angry
ladle: a spoon with a long handle, with which soup is served
{{ seed.word }}:"""
ANSWER = """Question: A pack has 6 pens. Ann buys 4 packs and gives 5 pens away. How many pens has she left?
Answer: Ann buys 4 * 6 = 24 pens. She has 24 - 5 = 19 pens left.

Question: {{ seed.word }}
Answer:"""
RECIPE = """recipe: written
help: One text for each seed.
options:
  rows: {type: int, default: 0, min: 0, max: 1e9, unit: rows, help: texts}
  temperature: {type: num, default: 0.8, min: 0, max: 5, help: of the sampling}
steps:
  - seed: {n: 1, draw: once, require: [word]}
  - prompt: {completion: %s}
  - call: {kind: completion, temperature: "{{ temperature }}", max_tokens: %d, stop: ["\\n"]}
  - parse: {regex: {pattern: '(?s)^\\s*(?<text>\\S.*?)\\s*$', over: whole}}
  - expand: {fields: {text: "{{ text }}"}}
  - keep: {stages: [{words: {field: text, min: 2}}]}
"""
PLAN = """outcross: 1
models: {m: {type: gguf, path: %s}}
sources: {words: {path: seeds.jsonl, use: seeds, origin: unknown}}
holdout: {share: 0}
generate: [{recipe.yaml: {model: m, seeds: [words], temperature: %s}}]
output: {format: text}
"""


def run(*args, **more):
    return subprocess.run([os.environ["OUTCROSS"], *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, **more)


def texts_of(folder):
    out = []
    for name in sorted(os.listdir(folder)):
        cat = ["zstdcat" if name.endswith(".zst") else "cat", os.path.join(folder, name)]
        out += [json.loads(line)["text"] for line in subprocess.check_output(cat).decode().splitlines()]
    return out


def written(folder, name, model, prompt, tokens, temperature, seeds):
    """What a model writes for each seed; None where there is no such model. Kept in the folder."""
    where = os.path.join(folder, name)
    if not os.path.isdir(where + "/run/out/data"):
        os.makedirs(where, exist_ok=True)
        with open(where + "/recipe.yaml", "w", encoding="utf-8") as f:
            f.write(RECIPE % (json.dumps(prompt), tokens))
        with open(where + "/seeds.jsonl", "w", encoding="utf-8") as f:
            f.writelines(json.dumps({"word": s}) + "\n" for s in seeds)
        with open(where + "/plan.yaml", "w", encoding="utf-8") as f:
            f.write(PLAN % (json.dumps(model), temperature))
        done = run("run", "plan.yaml", "-o", "run", "-q", cwd=where)
        if not os.path.isdir(where + "/run/out/data"):
            print("skipped: %s: %s" % (name, done.stderr.strip().split("\n")[-1]))
            return None
    return texts_of(where + "/run/out/data")


def glosses(kind):
    """One-word entries and their definitions without examples, each definition once."""
    out = {}
    with open(os.path.join(WORDNET, "data." + kind), encoding="utf-8") as f:
        for line in f:
            if line.startswith("  "):
                continue
            word = line.split(" ")[4].split("(")[0]
            gloss = re.split(r';|"', line.split(" | ")[1])[0].strip()
            if re.fullmatch("[a-z]{3,}", word) and len(gloss.split()) >= 4:
                out.setdefault(gloss, word)
    pairs = [(word, gloss) for gloss, word in out.items()]
    random.Random(kind).shuffle(pairs)
    return pairs


def shared(name):
    with open(os.path.join(SHARED, name), encoding="utf-8") as f:
        return json.load(f) if name.endswith(".json") else [json.loads(line) for line in f]


def gather(folder, other):
    """Name: (human texts, machine texts, machine's name)."""
    sets = {}
    small = "SmolLM2-135M-Instruct.Q4_1.gguf"
    if os.path.exists(WORDNET + "/data.noun"):
        noun, verb = glosses("noun"), glosses("verb")
        people, rest = [g for _, g in noun[5000:]], [w for w, _ in noun[:5000]]
        sets["noun"] = people, written(folder, "noun", small, DEFINE, 48, 0.8, rest[:1200])
        sets["verb"] = ([g for _, g in verb[2000:]],
                        written(folder, "verb", small, DEFINE, 48, 0.8, [w for w, _ in verb[:250]]))
        sets["noun, T 1.3"] = people, written(folder, "noun-warm", small, DEFINE, 48, 1.3, rest[1200:1450])
        if other:
            sets["noun, other model"] = people, written(folder, "noun-other", os.path.abspath(other), DEFINE, 48, 0.8,
                                                        rest[1500:1750])
    else:
        print("skipped: no %s (Debian: wordnet-base)" % WORDNET)
    if os.path.isdir(SHARED):
        gsm = shared("gsm8k_train.jsonl")
        answers = [re.sub(r"<<.*?>>", "", row["answer"].split("\n####")[0]) for row in gsm[1000:]]
        sets["GSM8K"] = answers, written(folder, "gsm8k", small, ANSWER, 120, 0.8, [row["question"] for row in gsm[:200]])
        sets["tasks"] = ([row["prompt"] for row in shared("mbpp_sanitized.json")],
                         sorted({row["instruction"] for row in shared("gpteacher_codegen_instruct.json")}))
        sets["IFEval"] = [row["prompt"] for row in shared("ifeval_input_data.jsonl")], None
    else:
        print("skipped: no shared data in %s" % SHARED)
    return {name: pair for name, pair in sets.items() if pair[0] and (pair[1] or name == "IFEval")}


def write_rows(path, rows):
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(json.dumps(row) + "\n" for row in rows)


def one_round(folder, number, sets, home, learn_n):
    """Trains on texts of `home` and estimates mixtures of every set: {(set, share): its row of the table}."""
    r = random.Random("%s %d" % (home, number))
    rest = {}
    for name, (people, machine) in sets.items():
        people, machine = list(people), list(machine or [])
        r.shuffle(people)
        r.shuffle(machine)
        rest[name] = [people, machine]
    learned = [texts[:n] for texts, n in zip(rest[home], learn_n)]
    used = set(learned[0]) | set(learned[1])
    for kind, texts in zip(("human", "machine"), learned):
        write_rows("%s/%s.jsonl" % (folder, kind), ({"text": t} for t in texts))
    done = run("train", "machine_share", "--human", "human.jsonl", "--machine", "machine.jsonl", "--held", "0.4",
               "-o", "model", "-f", "-q", "--seed", str(number), cwd=folder)
    if done.returncode:
        sys.exit(done.stderr)
    rows = []
    for name, pair in rest.items():
        people, machine = ([t for t in texts if t not in used] for texts in pair)
        for share in SHARES if machine else (0.0,):
            n = min(ROWS, len(people) if share < 1 else ROWS, len(machine) if share else ROWS)
            machines = round(share * n)
            rows += [{"text": t, "mix": "%s|%.1f|%.6f" % (name, share, machines / n)}
                     for t in r.sample(people, n - machines) + r.sample(machine, machines)]
    write_rows(folder + "/mixes.jsonl", rows)
    done = run("curate", "--do", "machine_share: {model: %s/model, by: mix}" % folder, "mixes.jsonl", "-o", "out", "-f",
               "--json", cwd=folder)
    if done.returncode:
        sys.exit(done.stderr)
    table = next(t for t in json.loads(done.stdout)["stages"][0]["tables"] if t["title"] == "By group")
    return {tuple(row[0].split("|")[:2]): [float(row[0].split("|")[2])] + row[3:7] for row in table["rows"]}


def clopper_pearson(k, n):
    """95 %; by bisection on the binomial tail."""
    def tail(p, least):
        return sum(math.comb(n, i) * p ** i * (1 - p) ** (n - i) for i in range(least, n + 1))

    def where(ok):
        low, high = 0.0, 1.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if ok(middle) else (low, middle)
        return low
    return (where(lambda p: tail(p, k) < 0.025) if k else 0.0,
            where(lambda p: 1 - tail(p, k + 1) > 0.025) if k < n else 1.0)


def trial(folder, sets, home, learn_n, rounds):
    print("\ncalibrated on %s, %d human and %d machine texts, held out 0.4; %d rounds" % (home, *learn_n, rounds))
    print("  %-18s %5s  %9s  %-22s  %8s  %6s" % ("rows of", "share", "told", "interval holds share", "estimate", "width"))
    results = [one_round(folder, i, sets, home, learn_n) for i in range(rounds)]
    reasons = {}
    for key in results[0]:
        told = [res[key] for res in results if res[key][1] is not None]
        for res in results:
            if res[key][4]:
                why = re.sub(r"[0-9.]+( %)?", "#", res[key][4])
                reasons.setdefault(key[0], {}).setdefault(why, 0)
                reasons[key[0]][why] += 1
        line = "  %-18s %5s  %4d / %-3d" % (key[0], key[1], len(told), rounds)
        if told:
            k = sum(low <= truth <= high for truth, _, low, high, _ in told)
            line += "  %.2f (%.2f to %.2f)    %8.3f  %6.3f" % (
                k / len(told), *clopper_pearson(k, len(told)), sum(t[1] for t in told) / len(told),
                sum(t[3] - t[2] for t in told) / len(told))
        print(line)
    for name, whys in reasons.items():
        for why, n in sorted(whys.items()):
            print("    %s, %d times: %s" % (name, n, why))


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("folder")
    ask.add_argument("--other")
    ask.add_argument("--rounds", type=int, default=40)
    args = ask.parse_args()
    folder = os.path.abspath(args.folder)
    os.makedirs(folder, exist_ok=True)
    sets = gather(folder, args.other)
    for name, (people, machine) in sets.items():
        print("%-18s %6d human, %5d machine texts" % (name, len(people), len(machine or [])))
    for home, learn_n in (("noun", (1500, 800)), ("tasks", (280, 600))):
        if home in sets and sets[home][1]:
            trial(folder, sets, home, learn_n, args.rounds)


main()
