"""What scripts may ask for and this layer does not do: it says so by name."""

from typing import Any, NoReturn


def refuse(what: str, instead: str) -> NoReturn:
    """Say what is not supported, and what to do."""
    raise NotImplementedError(f"neurojax.brian: {what} is not supported; {instead}.")


class Refused:
    """Stands for a name of Brian2's that is not supported, and says so when it is used."""

    def __init__(self, name: str, instead: str) -> None:
        self.__dict__["_what"] = (name, instead)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        refuse(*self._what)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        refuse(*self.__dict__["_what"])

    def __setattr__(self, name: str, value: Any) -> None:
        refuse(*self._what)

    def __getitem__(self, item: Any) -> Any:
        refuse(*self._what)

    def __setitem__(self, item: Any, value: Any) -> None:
        refuse(*self._what)


INSTEAD = {
    "network_operation": "write what it does as equations, or call run() several times",
    "NetworkOperation": "write what it does as equations, or call run() several times",
    "SpatialNeuron": "use neurojax.dendrites",
    "Morphology": "use neurojax.dendrites",
    "Cylinder": "use neurojax.dendrites",
    "Soma": "use neurojax.dendrites",
    "Section": "use neurojax.dendrites",
    "EventMonitor": "use SpikeMonitor",
    "BinomialFunction": "use PoissonInput, or rand() < p",
    "Function": "write it out as an expression, or use TimedArray",
    "implementation": "write it out as an expression, or use TimedArray",
    "check_units": "write it out as an expression, or use TimedArray",
    "BrianLogger": "use Python's logging",
    "brian_prefs": "everything is compiled by JAX; leave it out",
    "linked_var": "use Synapses, or put both in one group",
    "LinkedVariable": "use Synapses, or put both in one group",
    "set_device": "everything is compiled by JAX; leave it out",
    "get_device": "everything is compiled by JAX; leave it out",
    "device": "everything is compiled by JAX; leave it out",
    "prefs": "everything is compiled by JAX; leave it out",
    "Clock": "set defaultclock.dt: one clock serves all",
    "profiling_summary": "use jax.profiler",
    "scheduling_summary": "the order is that of Brian2: equations, thresholds, synapses, resets",
    "stop": "run for a shorter time",
}

# Methods of groups.
METHODS_INSTEAD = {
    "run_regularly": "write it as equations, or call run() several times",
    "custom_operation": "write it as equations, or call run() several times",
    "run_on_event": "use reset, or Synapses",
    "set_event_schedule": "the order is that of Brian2",
    "get_states": "read the variables",
    "set_states": "set the variables",
    "add_attribute": "keep it in a name of the script",
}
