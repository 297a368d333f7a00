"""For GPU and TPU without having one: what is exported for them holds nothing of a CPU alone."""

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj

PLATFORMS = [["cuda"], ["tpu"], ["cpu", "cuda", "tpu"]]
N = 3


def simulation(system, solver):
    def run(drive):
        record = {"v": "v", "spikes": "spikes", "raster": "raster", "n": nj.SpikeCount()}
        sol = nj.simulate(
            system, nj.Constant(drive), t1=2.0, dt=0.05, solver=solver, record=record, every=8
        )
        return sol["v"], sol["n"], sol["raster"], sol.spikes.bits, sol.final.state.v  # pyright: ignore[reportAttributeAccessIssue]

    return run


CASES = {
    "lif": simulation(nj.LIF(shape=(N,), refractory=1.0), None),
    "squid, semi-implicit": simulation(nj.HodgkinHuxley(shape=(N,)), nj.SemiImplicitEuler()),
    "squid, exponential": simulation(nj.HodgkinHuxley(shape=(N,)), nj.ExponentialEuler()),
}


def gradient_of(run):
    def slope(drive):
        return jax.grad(lambda d: jnp.sum(run(d)[0] ** 2) + jnp.sum(run(d)[1]))(drive)

    return slope


def exported(f, platforms, *arguments):
    return jax.export.export(jax.jit(f), platforms=platforms)(*arguments)


@pytest.mark.parametrize("platforms", PLATFORMS, ids="+".join)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["forward", "gradient"])
def test_simulate_and_its_gradient(case, kind, platforms):
    run = CASES[case] if kind == "forward" else gradient_of(CASES[case])
    program = exported(run, platforms, jnp.full(N, 5.0))

    assert program.platforms == tuple(platforms)
    text = program.mlir_module()
    assert "while" in text  # a loop over time, not one step after another
    assert "callback" not in text and "lapack" not in text


@pytest.mark.parametrize("case", ["lif", "squid, semi-implicit"])
def test_one_artefact_for_all_is_the_simulation_itself(case):
    drive = jnp.linspace(2.0, 15.0, N)
    program = exported(CASES[case], PLATFORMS[-1], drive)
    again = jax.export.deserialize(program.serialize(vjp_order=0)).call(drive)

    for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(CASES[case](drive)), strict=True):
        # Another compilation may round otherwise, by bits, on a state of 65 mV.
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_noise_and_random_drives(platform):
    def run(key):
        drive = nj.Poisson(key, rate=100.0, shape=(N,))
        return nj.simulate(nj.LIF(shape=(N,)), drive, t1=2.0, dt=0.1)["v"]

    assert "while" in exported(run, [platform], jax.random.key(0)).mlir_module()
