"""Runs the Autobahn suite against wsline: the server in both styles, and the client.

    run.py --autobahn TOOL [--quick]

TOOL is the script that wraps the suite (its commands: setup, server, client). Each run prints a table, and
its reports are in build/autobahn. The exit status is 1 if a case fails, or if invalid UTF-8 is not refused
as it arrives: the suite lets that pass as NON-STRICT in the cases 6.4.*, this script does not.
With --quick, where TOOL is not there, nothing is run; except in CI, where that is a failure.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
REPORTS = HERE.parents[1] / "build" / "autobahn"

# Of compression (12 and 13) some kinds of messages, and some parameters.
QUICK = ["1.1.*", "2.*", "3.*", "4.*", "5.*", "6.4.*", "7.*"]
QUICK += ["12.1.1", "12.4.1", "13.1.1", "13.3.1", "13.5.1", "13.7.1"]

PYTHON = sys.executable
SERVER = [PYTHON, str(HERE / "echo_server.py")]
CLIENT = [PYTHON, str(HERE / "echo_client.py")]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def server_run(style: str) -> list[str]:
    port = str(free_port())
    return ["server", f"ws://127.0.0.1:{port}", "-a", style, "--", *SERVER, "--style", style, port]


def client_run() -> list[str]:
    return ["client", str(free_port()), "--", *CLIENT]


def run(tool: str, name: str, command: list[str], cases: list[str]) -> tuple[str, bool]:
    """Run the suite once.

    Returns:
        What it printed, and whether all is well.
    """
    end = command.index("--")
    reports = REPORTS / name
    words = [tool, *command[:end], "-o", str(reports), *cases, *command[end:]]
    result = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    late = late_utf8(reports / "index.json") if result.returncode == 0 else []
    output = f"== {name}\n{result.stdout}"
    if late:
        output += f"  invalid UTF-8 is not refused as it arrives: {' '.join(late)}\n"
    return output, result.returncode == 0 and not late


def late_utf8(index: Path) -> list[str]:
    """Return the cases 6.4.* that are not OK; all of them must have run."""
    [cases] = json.loads(index.read_text()).values()
    found = {case: result["behavior"] for case, result in cases.items() if case.startswith("6.4.")}
    return [case for case in ("6.4.1", "6.4.2", "6.4.3", "6.4.4") if found.get(case) != "OK"]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--autobahn", required=True, metavar="TOOL")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    tool = os.path.abspath(options.autobahn)
    if not os.access(tool, os.X_OK):
        needed = not options.quick or os.environ.get("CI") == "true"
        word = "failed" if needed else "skipped"
        print(f"{word}: the Autobahn suite is not at {options.autobahn} (set AUTOBAHN)")
        return int(needed)
    if subprocess.run([tool, "setup"], check=False).returncode:
        return 1
    cases = QUICK if options.quick else []
    runs = {f"server-{style}": server_run(style) for style in ("listener", "coroutine")}
    runs["client"] = client_run()
    with ThreadPoolExecutor() as pool:  # the suite mostly waits
        results = list(pool.map(lambda name: run(tool, name, runs[name], cases), runs))
    print("\n".join(output for output, _ in results))
    return 0 if all(good for _, good in results) else 1


if __name__ == "__main__":
    sys.exit(main())
