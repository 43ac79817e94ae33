# plans/dedup.yaml: the real twin stays, near ones fall with their witness, a repeated line is cut out.
. "$ROOT/test/runs.sh"
cp -r "$ROOT/plans" "$tmp/plans"
cd "$tmp/plans"
"$OUTCROSS" run dedup.yaml -q || fail "dedup.yaml does not run"
zstdcat runs/dedup/rejected*.zst >fallen || fail "no rejects"
zstdcat -f runs/dedup/out/lineage/train* >lineage
falls() { # KEY RULE WITNESS
	grep "^{\"key\":\"$1\"" fallen | grep "\"rule\":\"$2\"" | grep -q "\"$3\"" || fail "$1 does not fall for $3: $(cat fallen)"
}
falls retold:0 near_duplicate pages:0
falls retold:3 near_duplicate retold:2
falls retold:4 duplicate retold:2
grep '"key":"retold:1"' lineage | grep -q '"len":240,"same_as":"pages:1"' || fail "no line was cut out: $(cat lineage)"
zstdcat -f runs/dedup/out/data/train* | grep -q '"text":"In winter nobody crosses' || fail "the rest of the cut row is not there"
grep '"key":"pages:[0-7]"' fallen && fail "a real twin fell"
echo "dedup.yaml: real first, witnesses, cut lines"
