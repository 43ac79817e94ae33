#!/bin/bash
# kill -9 while a whole stage observes: the pass goes on behind its last finished block (64 MiB), with
# what the stage saw until then, and the result is that of a run that nobody killed.
. "$ROOT/test/runs.sh"
cd "$tmp"
python3 - >rows.jsonl <<'END'
import random
random.seed(4)
words = ["w%d" % i for i in range(3000)]
for i in range(50000):
    if i % 10 == 9:
        text = text[:-4] + "same"  # one in ten is nearly the row before it
    else:
        text = " ".join(random.choices(words, k=400))
    print('{"n":%d,"text":"%s"}' % (random.randrange(10**6), text))
END
cat >plan.yaml <<'END'
outcross: 1
name: observed
sources: {rows: {path: rows.jsonl, origin: real, collected: 2020}}
holdout: {min: 100, share: 0.01}
curate: [{near_dup: {field: text}}]
END
"$OUTCROSS" run plan.yaml -q --keep-work -o killed >out 2>err &
pid=$!
python3 - killed $pid <<'END' || fail "no block of the observing pass was met (too quick, or it failed: $(cat err))"
import os, signal, sqlite3, sys, time
end = time.time() + 240
while time.time() < end:
    time.sleep(0.005)
    try:
        db = sqlite3.connect("file:%s/run.db?mode=ro" % sys.argv[1], uri=True, timeout=5)
        n = db.execute("SELECT max(n) FROM block WHERE pass = 'leg1'").fetchone()[0]
        done = db.execute("SELECT 1 FROM pass WHERE name = 'leg1'").fetchone()
        db.close()
    except sqlite3.Error:
        continue
    if done:
        sys.exit(1)
    if n:
        os.kill(int(sys.argv[2]), signal.SIGKILL)
        sys.exit(0)
sys.exit(1)
END
wait $pid 2>/dev/null || true
first=$(ls killed/work/leg1 | sort | head -1)
before=$(stat -c '%i %y %s' "killed/work/leg1/$first")
"$OUTCROSS" run plan.yaml -q --keep-work -o killed >out 2>err || fail "resumed: $(cat err)"
[ "$before" = "$(stat -c '%i %y %s' "killed/work/leg1/$first")" ] || fail "the finished block was written again: the pass began anew"
"$OUTCROSS" run plan.yaml -q -o whole >out 2>err || fail "whole: $(cat err)"
grep -q near_duplicate whole/report.json || fail "near_dup found nothing, so this shows nothing"
same_run killed whole || fail "the resumed run is another one"
