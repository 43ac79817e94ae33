"""The judge of copies: the longest substring by plain search, the real rows' texts folded alike."""
import json, re, sys

report, min_span, real_files, made_files = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(","), sys.argv[4].split(",")
fold = lambda s: re.sub(r"\s+", " ", s).strip()
texts = lambda files: [fold(json.loads(l)["text"]) for f in files for l in open(f, encoding="utf-8")]
real, made = "\0".join(texts(real_files)), texts(made_files)


def judge(text):
    """Longest substring that is in `real`, and how many characters lie in ones of min_span or more."""
    longest, covered, end = 0, 0, 0
    j = 0
    for i in range(len(text)):  # two pointers: the longest match that begins at i ends at j or later
        j = max(j, i)
        while j < len(text) and text[i:j + 1] in real:
            j += 1
        if j - i >= min_span:
            longest = max(longest, j - i)
            covered += j - max(i, end)
            end = j
    return longest, covered


found = [judge(t) for t in made]
stage = [s for s in json.load(open(report))["stages"] if s["part"] == "copies"][0]
figure = {f["name"]: f["value"] for f in stage["figures"]}
want = {
    "rows measured": len(made),
    "rows with such a run": sum(n > 0 for n, _ in found) / len(made),
    "bytes that lie in such runs": sum(c for _, c in found) / sum(map(len, made)),
    "longest run of a row, on average": sum(n for n, _ in found) / len(made),
    "longest run of all": max(n for n, _ in found),
}
for name, value in want.items():
    assert abs(figure[name] - value) < 1e-9, (name, figure[name], value)
print(f"{len(made)} rows judged alike; {want}")
