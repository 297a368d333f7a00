"""Graphs of modules, and how they are run over time."""

from ._loop import Values as Values
from ._network import (
    Node as Node,
    Previous as Previous,
    Source as Source,
    SpikingNetwork as SpikingNetwork,
    name_of as name_of,
    order_in_step as order_in_step,
    sequential as sequential,
)
from ._over_time import OverTime as OverTime
from ._run import run as run
from ._runner import NetworkRun as NetworkRun, NetworkState as NetworkState
from ._system_node import Shape as Shape
