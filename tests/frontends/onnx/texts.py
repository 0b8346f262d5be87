"""ONNX models written in ONNX's own text form."""

from __future__ import annotations

import onnx
from onnx import parser


def model(
    graph: str, *, opset: int = 21, functions: str = "", extra: str = "", ir_version: int = 10
) -> onnx.ModelProto:
    """A model of one graph such as ``main (float[2] x) => (float[2] y) { y = Abs(x) }``."""
    header = f'<ir_version: {ir_version}, opset_import: ["" : {opset}{extra}]>'
    return parser.parse_model(f"{header}\n{graph}\n{functions}")
