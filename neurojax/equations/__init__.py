"""Model equations as text, turned into Systems.

`from_equations` is all that a model needs, `channel_from_equations` all that an ion channel needs.
For a layer on top there are the parts: text is read by `parse_equations`, `parse_statements` and
`parse_expression`, its names are looked up by `resolved`, its dimensions checked by `Dimensions`,
and it is computed by `evaluate`.
"""

from . import units as units
from ._channel import (
    EquationChannel as EquationChannel,
    channel_from_equations as channel_from_equations,
)
from ._check import Dimensions as Dimensions, is_condition as is_condition, resolved as resolved
from ._dimension import Dimension as Dimension
from ._expression import (
    Binary as Binary,
    Call as Call,
    Expression as Expression,
    Name as Name,
    Number as Number,
    Unary as Unary,
    evaluate as evaluate,
    names_in as names_in,
    rewritten as rewritten,
    substituted as substituted,
)
from ._from_equations import from_equations as from_equations
from ._functions import FUNCTIONS as FUNCTIONS
from ._model import (
    Equation as Equation,
    Equations as Equations,
    Statement as Statement,
    parse_equations as parse_equations,
    parse_statements as parse_statements,
)
from ._parse import parse_expression as parse_expression
from ._source import EquationError as EquationError
from ._system import EquationNeuron as EquationNeuron, EquationSystem as EquationSystem
