"""The peers' own virtual environments, made from pinned requirement files.

The peers' pins clash, so each has a venv of its own in `.peers/`, or in the folder that
`NEUROJAX_PEERS` names.
"""

import os
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements"
CHECKOUTS = {"jpc": "https://github.com/thebuckleylab/jpc"}
"""Peers that no package registry has; they run from a checkout that NEUROJAX_<PEER> points to."""


class SetUpError(RuntimeError):
    """A peer's venv could not be made; the message says what to do."""


def interpreter(peer: str) -> Path | None:
    """The peer's python; None when its venv is absent, half made, or made from other pins."""
    installed = _folder(peer) / "installed.txt"
    if not installed.exists() or installed.read_text() != _pins(peer).read_text():
        return None
    return _folder(peer) / "bin" / "python"


def how_to_set_up(peer: str) -> str:
    """The command that makes this peer's venv."""
    command = "python -m experiments.benchmarks --setup-peers"
    if peer not in CHECKOUTS:
        return command
    return f"{_variable(peer)}=CHECKOUT {command}, with a CHECKOUT of {CHECKOUTS[peer]}"


def needs_checkout(peer: str) -> bool:
    """Whether this peer runs from a checkout that nothing points to yet."""
    return peer in CHECKOUTS and _variable(peer) not in os.environ


def set_up(peer: str) -> None:
    """Make the peer's venv; `SetUpError` where pip fails or the checkout is not one."""
    checkout = _checkout(peer) if peer in CHECKOUTS else None
    folder = _folder(peer)
    python = folder / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    commands = [
        [sys.executable, "-m", "venv", "--clear", folder],
        [*install, "--requirement", _pins(peer)],
        *([[*install, "--no-deps", "--editable", checkout]] if checkout else []),
    ]
    for command in commands:
        if subprocess.run(command).returncode:
            raise SetUpError(f"{peer}: {' '.join(map(str, command))} failed")
    # Last of all: it marks the venv as complete.
    (folder / "installed.txt").write_text(_pins(peer).read_text())


def _folder(peer: str) -> Path:
    return Path(os.environ.get("NEUROJAX_PEERS", ".peers")).absolute() / peer


def _pins(peer: str) -> Path:
    return REQUIREMENTS / f"{peer}.txt"


def _variable(peer: str) -> str:
    return f"NEUROJAX_{peer.upper()}"


def _checkout(peer: str) -> Path:
    checkout = Path(os.environ[_variable(peer)]).absolute()
    if not (checkout / "pyproject.toml").exists():
        raise SetUpError(f"{_variable(peer)}: there is no pyproject.toml in {checkout}")
    return checkout
