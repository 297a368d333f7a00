"""Reads the SWC file that is named, once, into Jaxley's cell; writes the times."""

# pyright: reportMissingImports=false
import json
import sys
import time

import jax
import jaxley as jx
from jaxley.channels import HH

wall, cpu = time.perf_counter(), time.process_time()
cell = jx.read_swc(sys.argv[1], ncomp=1)
cell.insert(HH())
cell.init_states()
cell.to_jax()
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
told = {"cpu": cpu, "wall": wall, "compartments": len(cell.nodes)}
print(json.dumps({**told, "version": f"jaxley {jx.__version__}, jax {jax.__version__}"}))
