"""The same questions answered by the jsonschema package, for test_schema.c.

usage: schema_oracle.py FILE.jsonl > per line {"schema":S,"value":V}: "1" valid, "0" not
"""
import json
import sys

import jsonschema

with open(sys.argv[1], encoding="utf-8") as cases:
    for line in cases:
        case = json.loads(line)
        print(int(jsonschema.Draft202012Validator(case["schema"]).is_valid(case["value"])))
