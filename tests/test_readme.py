"""The README's examples run as they stand and show what their comments say."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_examples_run_and_print_what_they_say(capsys):
    examples = "".join(re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL))
    promised = re.findall(r"print\(.*\)  # (.*)", examples)

    exec(compile(examples, README.name, "exec"), {})

    assert promised
    assert capsys.readouterr().out.splitlines() == promised
