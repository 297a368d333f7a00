"""Model equations as text, turned into Systems.

`from_equations` is all that a model needs. For a layer on top there are the parts: text is read by
`parse_equations`, `parse_statements` and `parse_expression`, its names are looked up by `resolved`,
its dimensions checked by `Dimensions`, and it is computed by `evaluate`.
"""

from . import units as units
from ._check import Dimensions as Dimensions
from ._check import is_condition as is_condition
from ._check import resolved as resolved
from ._dimension import Dimension as Dimension
from ._expression import (
    Binary as Binary,
)
from ._expression import (
    Call as Call,
)
from ._expression import (
    Expression as Expression,
)
from ._expression import (
    Name as Name,
)
from ._expression import (
    Number as Number,
)
from ._expression import (
    Unary as Unary,
)
from ._expression import (
    evaluate as evaluate,
)
from ._expression import (
    names_in as names_in,
)
from ._expression import (
    rewritten as rewritten,
)
from ._expression import (
    substituted as substituted,
)
from ._from_equations import from_equations as from_equations
from ._functions import FUNCTIONS as FUNCTIONS
from ._model import (
    Equation as Equation,
)
from ._model import (
    Equations as Equations,
)
from ._model import (
    Statement as Statement,
)
from ._model import (
    parse_equations as parse_equations,
)
from ._model import (
    parse_statements as parse_statements,
)
from ._parse import parse_expression as parse_expression
from ._source import EquationError as EquationError
from ._system import EquationNeuron as EquationNeuron
from ._system import EquationSystem as EquationSystem
