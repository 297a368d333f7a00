"""The README's example runs as it stands and shows what its comments say."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_example_runs_and_prints_what_it_says(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    promised = re.findall(r"print\(.*\)  # (.*)", example)

    exec(compile(example, README.name, "exec"), {})

    assert promised
    assert capsys.readouterr().out.splitlines() == promised
