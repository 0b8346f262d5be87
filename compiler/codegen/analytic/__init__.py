"""What a task costs and how it is best tiled, from shapes and a target alone: no TVM, no measurement.

Templates take their default configurations from here, and passes ask here what a choice of theirs would cost, through
``estimate``. Both read one model, so that what is chosen is also what is built.
"""

from compiler.codegen.analytic.estimate import estimate, estimator, layouts

__all__ = ["estimate", "estimator", "layouts"]
