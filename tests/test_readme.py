"""The examples of README and docs run as they stand and show what their comments say."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
DENDRITES = README.parent / "docs" / "dendrites.md"


def examples_of(page: Path) -> str:
    return "".join(re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL))


def test_the_examples_run_and_print_what_they_say(capsys):
    examples = examples_of(README)
    promised = re.findall(r"print\(.*\)  # (.*)", examples)

    exec(compile(examples, README.name, "exec"), {})

    assert promised
    assert capsys.readouterr().out.splitlines() == promised


def test_the_network_of_the_docs_runs(capsys):
    page = README.parent / "docs" / "spiking.md"
    exec(compile(examples_of(page), page.name, "exec"), {})
    assert capsys.readouterr().out == "(20, 32, 10)\n"


def test_the_cell_of_the_docs_fires():
    names = {}
    exec(compile(examples_of(DENDRITES), DENDRITES.name, "exec"), names)
    run = names["run"]
    assert len(run.spikes.times) > 0
    assert run["synapses.nmda[tuft]"].max() > 0
