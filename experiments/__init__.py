"""Experiments with a command line, one file each: `python -m experiments --help` lists them.

An experiment is a file with `Config`, a frozen dataclass of documented options, and
`run(config, run) -> summary`; the runner gives it a command line and a folder that survives a kill.
"""
