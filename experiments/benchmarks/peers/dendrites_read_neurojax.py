"""Reads the SWC file that is named, once, into our cell; writes the times."""

import json
import sys
import time

import jax

from neurojax.channels import HodgkinHuxley, Leak
from neurojax.dendrites import Cell, discretise, read_swc

wall, cpu = time.perf_counter(), time.process_time()
compartments = discretise(read_swc(sys.argv[1]))
cell = Cell(compartments, {"hh": HodgkinHuxley(), "leak": Leak()})
jax.block_until_ready(jax.tree.leaves(cell))
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
told = {"cpu": cpu, "wall": wall, "compartments": len(compartments)}
print(json.dumps({**told, "version": f"jax {jax.__version__}"}))
