"""The inner side of client.py: runs in a client's environment, with nothing but that client and the standard library.

Reads one order per line from standard input, and writes one outcome per line to what was its standard output; what
clients print goes to standard error instead.
"""

import importlib
import json
import os
import sys
import traceback
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[0] = str(TESTS)

from clients.scenarios.world import Skip, World  # noqa: E402


def main() -> None:
    outcomes = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        order = json.loads(line)
        print(f"--- {order['scenario']}", flush=True)
        verdict, text = run(order["module"], order["scenario"], Path(order["workdir"]))
        outcomes.write(json.dumps({"verdict": verdict, "text": text}) + "\n")
        outcomes.flush()


def run(module: str, scenario: str, workdir: Path) -> tuple:
    try:
        function = getattr(importlib.import_module(module), scenario)
        function(World(workdir))
    except Skip as reason:
        return "skipped", str(reason)
    except BaseException as error:
        return "failed", explain(error)
    return "passed", ""


def explain(error: BaseException) -> str:
    """The traceback, and the variables of our own frames: here is no pytest to show the two sides of an assertion."""
    parts = ["".join(traceback.format_exception(type(error), error, error.__traceback__))]
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if "/clients/scenarios/" in frame.f_code.co_filename:
            parts.append(f"in {frame.f_code.co_name}:\n")
            parts += [f"    {name} = {shorten(value)}\n" for name, value in frame.f_locals.items()]
    return "".join(parts)


def shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:300]} … {text[-80:]}"


if __name__ == "__main__":
    main()
