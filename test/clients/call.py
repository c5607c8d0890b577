"""Calls functions of a module for a program that writes one call per line, as JSON: call.py MODULE.
The answer is a line, too: {"value": ...}, or {"error": ...} with what the module's problem() makes of it."""
import importlib.util
import json
import sys

import psycopg

spec = importlib.util.spec_from_file_location("shop", sys.argv[1])
shop = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shop)

for line in sys.stdin:
    name, arguments = json.loads(line)
    try:
        answer = {"value": getattr(shop, name)(*arguments)}
    except psycopg.Error as error:
        answer = {"error": shop.problem(error)}
    print(json.dumps(answer, default=str), flush=True)
