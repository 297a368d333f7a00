"""From a file to a cell that can be simulated, in a new process each time: of a library that
compiles while it reads, only the first cell of a process is what a user waits for.

The time of imports is left out.
"""

from serve import Timed, serve  # isort: skip  (first: it takes stdout over)

import argparse
import json
import subprocess
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--swc", type=Path, required=True)
    parser.add_argument("--reader", choices=["neurojax", "jaxley"], required=True)
    options = parser.parse_args()
    script = Path(__file__).with_name(f"dendrites_read_{options.reader}.py")

    def read() -> dict:
        command = [sys.executable, str(script), str(options.swc)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return json.loads(said.splitlines()[-1])

    def run() -> Timed:
        said = read()
        return Timed(said["cpu"], said["wall"])

    found = read()
    serve({"run": run}, {"compartments": [found["compartments"]]}, version=found["version"])


if __name__ == "__main__":
    main()
