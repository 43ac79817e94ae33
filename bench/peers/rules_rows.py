"""Rows for datatrove_rules.py: texts put together from published ones, and odd ones.

usage: rules_rows.py SHARED/data/text > ROWS.jsonl     objects {"id", "kind", "text"}, 20,000 of them

Every row is a pure function of its number. The kinds: `plain` texts as they stand; `joined`, several
of them, by sentence, line or paragraph; `repeated`, with lines, paragraphs or phrases said again;
`lists`, `dots`, `cites`, `phrases`: what a rule looks for put in at random; `script`, the words of a
text in other scripts; `broken`, its bytes cut and replaced as careless programs do; `edge`, the
texts at which programs stumble.
"""
import json
import random
import sys

PHRASES = ["lorem ipsum", "JavaScript", "{", "}", "terms of use", "privacy policy", "uses cookies",
           "Use of Cookies", "cookie policy", "use cookies", "[1]", "[edit]", "[citation needed]", "#",
           "##", "...", "\u2026", "\u2022", "-", "http://x.org/a?b=c", "me@x.org", "U.S.", "e.g.",
           "don't", "it\u2019s", "\u201cso\u201d", "5km", "3.14", "1,000", ":)", "caf\u00e9", "\u0130stanbul"]
SCRIPTS = [
    "\u4eca\u5929\u5929\u6c14\u5f88\u597d\u3002\u6211\u4eec\u53bb\u516c\u56ed\u6563\u6b65\u5427\uff01\u597d\u7684\uff0c\u8d70\u5427\u3002",
    "\u0e27\u0e31\u0e19\u0e19\u0e35\u0e49\u0e2d\u0e32\u0e01\u0e32\u0e28\u0e14\u0e35\u0e21\u0e32\u0e01 \u0e40\u0e23\u0e32\u0e44\u0e1b\u0e40\u0e14\u0e34\u0e19\u0e40\u0e25\u0e48\u0e19",
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd. \u05de\u05d4 \u05e9\u05dc\u05d5\u05de\u05da? \u05d8\u05d5\u05d1 \u05de\u05d0\u05d5\u05d3!",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645\u060c \u0643\u064a\u0641 \u062d\u0627\u0644\u0643\u061f \u0628\u062e\u064a\u0631\u06d4",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u041a\u0430\u043a \u0434\u0435\u043b\u0430? \u0412\u0441\u0451 \u0445\u043e\u0440\u043e\u0448\u043e.",
    "\u3053\u3093\u306b\u3061\u306f\u4e16\u754c\u3002\u5143\u6c17\u3067\u3059\u304b\uff1f\u306f\u3044\u3001\u5143\u6c17\u3067\u3059\u3002",
    "\uc548\ub155\ud558\uc138\uc694 \uc138\uacc4. \uc798 \uc9c0\ub0b4\uc138\uc694? \ub124!",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e\u0964 \u0906\u092a \u0915\u0948\u0938\u0947 \u0939\u0948\u0902?",
    "\U0001f600 \U0001f44d\U0001f3fd \U0001f1e9\U0001f1ea x\u0301\u0302 \u200b\u00ad \ufeff"]
EDGES = ["", " ", "\n", "\n\n\n", "\t \u3000\u2028", ".", "...", "\u2026", "a", "the of", "\u0000", "a\u0000b",
         "\u0085", "\x1c\x1d\x1e", "a\rb\r\nc\n\rd", "-" * 5000, "a" * 5000, "a " * 3000, "ab " * 3000,
         "a\n" * 3000, "a\n\n" * 2000, "\n" * 5000, "the of and to\n" * 500, "{" * 3000, "[1]" * 2000,
         "[" * 3000, "[" + "1" * 3000, "lorem ipsum", "lorem ipsum.", "a lorem ipsum.", "\U0010ffff",
         "\u00e9" * 3000, "\u4e00" * 20000, "\u0e01" * 20000, "# " * 500, "\u2022 a\n" * 300, "- a\n" * 300,
         "a...\n" * 300, "\ufffd" * 300, "." * 5000, "a." * 3000, "a.B" * 3000, "x" * 1001 + " y z.",
         " ".join(str(i) for i in range(3000)), " ".join(str(i % 7) for i in range(3000))]


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value if isinstance(value, list) else value.values():
            yield from strings(item)


def texts(folder):
    out = []
    for name in ("gsm8k_train.jsonl", "gsm8k_test.jsonl", "HumanEval.jsonl", "ifeval_input_data.jsonl",
                 "mt_bench_questions.jsonl", "self_instruct_seed_tasks.jsonl"):
        with open(folder + "/" + name, encoding="utf-8") as rows:
            out += [s for row in rows for s in strings(json.loads(row)) if len(s) > 20]
    for name in ("mbpp_sanitized.json", "gpteacher_codegen_instruct.json",
                 "fastchat_dummy_conversation_sharegpt.json"):
        with open(folder + "/" + name, encoding="utf-8") as rows:
            out += [s for s in strings(json.load(rows)) if len(s) > 20]
    with open(folder + "/doc_in_the_year_2889.txt", encoding="utf-8") as story:
        out += [p for p in story.read().split("\n\n") if len(p) > 40] * 8
    return out


def sprinkle(r, text, what, share):
    return " ".join(w + (" " + r.choice(what) if r.random() < share else "") for w in text.split(" "))


def row(i, pool):
    r = random.Random(i)
    some = [r.choice(pool) for _ in range(r.randint(1, 8))]
    joined = r.choice([" ", "\n", "\n\n", ".\n"]).join(some)
    kind = ["plain", "joined", "repeated", "lists", "dots", "cites", "phrases", "script", "joined",
            "broken"][i % 10]
    if i < len(EDGES):
        return "edge", EDGES[i]
    if kind == "plain":
        return kind, pool[i * 7919 % len(pool)]
    if kind == "joined":
        return kind, joined
    if kind == "repeated":
        parts = joined.split(r.choice(["\n", ". ", " "]))
        for _ in range(r.randint(1, 1 + len(parts) // 3)):
            k, n = r.randrange(len(parts)), r.randint(1, 12)
            parts[k:k] = parts[max(0, k - n):k]
        return kind, r.choice(["\n", ". ", " ", "\n\n"]).join(parts)
    if kind == "lists":
        return kind, "\n".join(r.choice(["- ", "\u2022 ", "* ", "", " -"]) + s for s in joined.split(". "))
    if kind == "dots":
        return kind, "".join(s + r.choice(["...", "\u2026", ".", "", "!", "\u3002"]) + r.choice(["\n", " ", "\u2028", "\x0b"])
                             for s in joined.split(". "))
    if kind == "cites":
        return kind, sprinkle(r, joined, ["[1]", "[23]", "[edit]", "[citation needed]", "[x]", "[\u0663]"], 0.05)
    if kind == "phrases":
        return kind, sprinkle(r, joined, PHRASES, r.choice([0.01, 0.1]))
    if kind == "script":
        return kind, " ".join(r.choice(SCRIPTS) + r.choice(["\n", " ", ""]) for _ in range(r.randint(1, 60)))
    raw = bytearray(joined.encode())
    for _ in range(r.randint(1, 20)):
        raw[r.randrange(len(raw))] = r.randrange(256)
    return kind, raw.decode("latin-1" if r.random() < 0.3 else "utf-8", "replace")


def main():
    pool = texts(sys.argv[1])
    for i in range(20000):
        kind, text = row(i, pool)
        print(json.dumps({"id": i, "kind": kind, "text": text}, ensure_ascii=False))


main()
