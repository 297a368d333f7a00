"""`python -m experiments`: from a command line to a run in its folder."""

import ast
import dataclasses
import difflib
import importlib
import os
import platform
import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import tyro

from experiments.runner._errors import ExperimentError
from experiments.runner._files import read_json, write_json
from experiments.runner._options import option
from experiments.runner._run import Run


@dataclasses.dataclass(frozen=True)
class RunFolder:
    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Run folder; by default runs/NAME-DATE-TIME, or with --resume the newest of these."""
    resume: bool = False
    """Go on with the run in that folder, with the options it was started with."""


def main(argv: list[str]) -> int:
    """Run the experiment that `argv` names; returns the exit code."""
    experiments = find()
    if not argv or argv[0] in ("-h", "--help"):
        print(listing(experiments))
        return 0
    name = argv[0]
    if name not in experiments:
        near = difflib.get_close_matches(name, experiments, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(experiments)}"
        print(f"error: no experiment {name!r}; {hint}", file=sys.stderr)
        return 2
    module = importlib.import_module(f"experiments.{name.replace('-', '_')}")
    return launch(name, module, argv[1:])


def find() -> dict[str, str]:
    """Every experiment and its first line: the files that define `run`, read but not imported; a
    folder's is its `__init__.py`."""
    found = {}
    folder = Path(__file__).parents[1]
    for path in sorted([*folder.glob("*.py"), *folder.glob("*/__init__.py")]):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "run" for node in tree.body):
            name = path.stem if path.parent == folder else path.parent.name
            found[name.replace("_", "-")] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def listing(experiments: dict[str, str]) -> str:
    width = max(map(len, experiments))
    lines = [f"  {name:{width}}  {line}" for name, line in experiments.items()]
    return "\n".join(
        [
            "usage: python -m experiments NAME [OPTIONS]",
            "",
            "experiments:",
            *lines,
            "",
            "python -m experiments NAME --help lists the options of one;",
            "python -m experiments.benchmarks --help has the benchmarks.",
        ]
    )


def launch(name: str, experiment: ModuleType, argv: list[str]) -> int:
    """Run one experiment; returns the exit code: 0, 2 for a user's fault, 130 when stopped."""
    try:
        config, folder = prepare(name, experiment, argv)
        from neurojax import keep_freed_memory  # not before: help is quick

        keep_freed_memory()
        run = Run(folder)
        try:
            run.finish(experiment.run(config, run))
        finally:
            run.close()
    except ExperimentError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command with --resume goes on", file=sys.stderr)
        return 130
    return 0


def prepare(name: str, experiment: ModuleType, argv: list[str]) -> tuple[Any, Path]:
    """The options and the folder: a new one, or with --resume an old one with the same options."""
    config, where = parse(name, experiment, experiment.Config(), argv)
    if not where.resume:
        folder = where.out or Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        options = dataclasses.asdict(config)
        create(folder, {"experiment": name, "options": options, "versions": versions()})
        return config, folder
    folder = where.out or newest(name)
    stored = stored_config(name, experiment, folder)
    # parsed again: an option that was left out is the run's, not the default
    config, _ = parse(name, experiment, stored, argv)
    for field in dataclasses.fields(stored):
        now, then = getattr(config, field.name), getattr(stored, field.name)
        if now != then:
            raise ExperimentError(
                f"{option(field.name)} is {now}, but {folder} was started with {then}: "
                "leave the option out, or start a new run"
            )
    return config, folder


def parse(
    name: str, experiment: ModuleType, default: Any, argv: list[str]
) -> tuple[Any, RunFolder]:
    def arguments(
        config: experiment.Config = default,  # pyright: ignore[reportInvalidTypeForm]
        folder: RunFolder = RunFolder(),
    ) -> tuple[Any, RunFolder]:
        return config, folder

    return tyro.cli(
        arguments,
        prog=f"python -m experiments {name}",
        description=experiment.__doc__,
        args=argv,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
    )


def versions() -> dict[str, str]:
    """Of what the bits of a result depend on."""
    packages = ("jax", "jaxlib", "equinox", "optax", "optimistix", "cma", "numpy", "scikit-learn")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def create(folder: Path, description: dict[str, Any]) -> None:
    """Make the folder, config.json inside, in one step: no kill leaves a folder without it."""
    part = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        write_json(part / "config.json", description)
        part.rename(folder)  # takes the place of an empty folder only
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        if folder.exists():
            raise ExperimentError(
                f"--out {folder} exists: go on with it by --resume, or name another"
            ) from None
        raise ExperimentError(f"--out {folder} cannot be made: {error.strerror}") from None


def newest(name: str) -> Path:
    folders = sorted(Path("runs").glob(f"{name}-[0-9]*/config.json"))
    if not folders:
        raise ExperimentError(f"--resume: no run of {name} in {Path('runs').resolve()}, give --out")
    return folders[-1].parent


def stored_config(name: str, experiment: ModuleType, folder: Path) -> Any:
    """The options that the run in `folder` was started with."""
    path = folder / "config.json"
    if not path.exists():
        raise ExperimentError(f"--resume: {folder} is not a run folder, it has no config.json")
    stored = read_json(path)
    try:
        if stored["experiment"] != name:
            raise ExperimentError(f"{folder} is a run of {stored['experiment']}, not of {name}")
        for package, now in versions().items():
            if now != stored["versions"][package]:
                raise ExperimentError(
                    f"{folder} was started with {package} {stored['versions'][package]}, "
                    f"this is {now}: go on with the same, or start a new run"
                )
        options = stored["options"].items()
        return experiment.Config(**{k: tuple(v) if isinstance(v, list) else v for k, v in options})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ExperimentError(f"{path} does not fit this version of {name}: {error}") from error
