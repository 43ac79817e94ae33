# Sourced by tests that need a run with machine-made rows: leaves runs/sums in the working folder,
# made of 60 real sums by the test server, whose answers depend on the request only. The server
# stops with the run: whatever comes after it works without a network.
MORE_SOURCES=${MORE_SOURCES:-}
generated_run() { # plan lines to append
	for i in $(seq 11 70); do echo "{\"id\": \"s$i\", \"question\": \"What is $i + $((i % 9 + 1))?\", \"answer\": \"$((i + i % 9 + 1))\"}"; done >real.jsonl
	coproc SERVER { exec "$B/test/llm-server" --answer sums; }
	local pid=$SERVER_PID port
	read -r port <&"${SERVER[0]}"
	cat >sums.yaml <<END
outcross: 1
name: sums
seed: 7
models: {small: {type: openai, base: "http://127.0.0.1:$port/v1", model: m, price: {prompt: 0.1, completion: 0.4}}}
sources:
  people: {type: jsonl, path: real.jsonl, origin: real, collected: 2020, license: MIT, id: id}
  $MORE_SOURCES
holdout: {share: 0.1, min: 6}
generate:
  - arithmetic: {model: small, rows: 30}
$*
END
	"$OUTCROSS" run sums.yaml -q >run.out || { cat run.out; return 1; }
	exec {SERVER[1]}>&-
	wait "$pid" 2>/dev/null || true
}
