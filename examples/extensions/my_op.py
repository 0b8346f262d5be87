"""An op from outside the tree: SiLU, ``x * sigmoid(x)``, in one file.

    python -m compiler.opt model.onnx --load my_op.py --load my_pass.py --passes use-silu,standard

``OPS`` lists the classes that a file brings, ``COMPUTES`` how kernels compute them. Importing the row loads
TVM; an op that passes only need to know could do without it.

Source: Elfwing, Uchibe, Doya, Sigmoid-weighted linear units (2017); Ramachandran et al., Swish (2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tvm.ir import Expr

from compiler.codegen import math
from compiler.codegen.computes import Pointwise
from compiler.codegen.tir import Binder
from compiler.ir import DType, Op
from compiler.ir.literal import Array
from compiler.ir.ops.unary import Unary


@dataclass(frozen=True)
class Silu(Unary):
    """x * sigmoid(x), for float16 and float32.

    ``Unary`` brings the type inference (the result has the operand's type), the samples, and that passes may
    fuse the op like any other elementwise one.
    """

    name = "my.silu"

    @classmethod
    def accepts(cls, dtype: DType) -> bool:
        """Whether the op is defined on this element type."""
        return dtype in (DType.F16, DType.F32)

    def apply(self, x: Array) -> Array:
        """The reference: what every kernel is compared with."""
        wide = x.astype(np.float64)
        return wide / (1 + np.exp(-wide))


def _silu(k: Binder, op: Op, x: Expr) -> Expr:
    """One element, or a vector of them; ``k`` names intermediate values."""
    return k.let(x * math.sigmoid(k, x), "silu")


OPS = (Silu,)
COMPUTES = {Silu: Pointwise(_silu)}
