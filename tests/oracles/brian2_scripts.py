"""Scripts for Brian2, run as they are: what each leaves in `results`.

Inputs: `names` of the scripts (files in the folder `scripts`).
Results: `<script>/<result>`, for all results of all scripts.
"""

# pyright: reportMissingImports=false
import sys
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import prefs, start_scope

SCRIPTS = Path(__file__).parent / "scripts"


def main(inputs, out):
    prefs.codegen.target = "numpy"
    found = {}
    for name in map(str, inputs["names"]):
        start_scope()
        names: dict[str, Any] = {"__name__": name}
        exec(compile((SCRIPTS / f"{name}.py").read_text(), name, "exec"), names)
        found |= {f"{name}/{key}": np.asarray(value) for key, value in names["results"].items()}
    np.savez(out, **found)


if __name__ == "__main__":
    main(np.load(sys.argv[1]), sys.argv[2])
