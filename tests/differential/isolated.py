"""Asking ONNX Runtime in a child process: it may crash on a model that nobody has written before."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping

import onnx

from compiler.ir.literal import Array
from tests.frontends.onnx.nodes import by_onnxruntime


class PeerFailedError(Exception):
    """ONNX Runtime refused the model, or died of it."""


def onnxruntime_in_child(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> list[Array]:
    """The outputs by ONNX Runtime. Raises PeerFailedError."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(writing, model, inputs)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    if not answer:
        raise PeerFailedError("ONNX Runtime refused the model, or died of it")
    return pickle.loads(answer)


def _answer(writing: int, model: onnx.ModelProto, inputs: Mapping[str, Array]) -> None:
    """The child's part: write the pickled outputs, or nothing; never return."""
    status = 1
    try:
        with os.fdopen(writing, "wb") as stream:
            stream.write(pickle.dumps(by_onnxruntime(model, inputs)))
        status = 0
    finally:
        os._exit(status)
