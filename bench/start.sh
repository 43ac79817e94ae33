#!/bin/bash
# Time from the start of `outcross run` to its first request, against curl's on the same socket: a
# plan with one endpoint and a new run folder, median and least of 15. The bar is 50 ms.
set -eu
export OUTCROSS=${OUTCROSS:-$PWD/${B:-build/release}/outcross}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 - <<'PY'
import os, shutil, socket, statistics, subprocess, time

server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(64)
base = "http://127.0.0.1:%d/v1" % server.getsockname()[1]
with open("people.jsonl", "w") as f:
    for i in range(1000):
        f.write('{"question":"What is %d + %d?","answer":"%d"}\n' % (i, i, 2 * i))
with open("plan.yaml", "w") as f:
    f.write('outcross: 1\nmodels: {m: {type: openai, base: "%s", model: x}}\n'
            "sources: {people: {path: people.jsonl, origin: real, collected: 2021-10-01, format: qa}}\n"
            "generate: [{arithmetic: {model: m, rows: 20}}]\ncurate: [exact]\n" % base)

def first_request(command):
    shutil.rmtree("runs", ignore_errors=True)
    shutil.rmtree(".outcross", ignore_errors=True)
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server.settimeout(10)
    conn, _ = server.accept()
    conn.recv(1)
    took = time.perf_counter() - start
    child.kill()
    child.wait()
    conn.close()
    server.settimeout(0)
    try:
        while True:
            server.accept()[0].close()
    except OSError:
        pass
    return 1000 * took

ours, curl = [], []
for _ in range(15):
    ours.append(first_request([os.environ["OUTCROSS"], "run", "plan.yaml", "-q"]))
    curl.append(first_request(["curl", "-s", base]))
print("start  first request after %.1f ms (least %.1f); curl %.1f ms; ratio %.1f  (bar: 50 ms; load %.1f)"
      % (statistics.median(ours), min(ours), statistics.median(curl),
         statistics.median(ours) / statistics.median(curl), os.getloadavg()[0]))
PY
