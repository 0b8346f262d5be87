"""What the outputs should be: the answer of an oracle, remembered by the content of model and inputs.

An oracle is the source framework where it is installed. Asking it again for every build of the same model
would take longer than everything else in a build whose kernels are cached.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compiler.ir.literal import Array


@dataclass(frozen=True)
class Answer:
    """Outputs by name, and who says so (``onnxruntime 1.31.1``)."""

    outputs: Mapping[str, Array]
    authority: str


Oracle = Callable[[Mapping[str, Array]], Answer]
"""Gives the outputs for named inputs."""


def expected_answer(key: str, inputs: Mapping[str, Array], oracle: Oracle, cache: Path) -> Answer:
    """The oracle's answer, from ``cache`` if it was asked before. ``key`` names model and oracle by content.

    Raises OSError when the cache cannot be written, and what the oracle raises.
    """
    path = cache / f"{_digest(key, inputs)}.npz"
    if (known := _recall(path)) is not None:
        path.touch()  # the age by which the cache is pruned
        return known
    answer = oracle(inputs)
    _remember(path, answer)
    return answer


def _digest(key: str, inputs: Mapping[str, Array]) -> str:
    state = hashlib.sha256(key.encode())
    for name, array in inputs.items():
        state.update(f"{name} {array.dtype} {array.shape}".encode())
        state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()


def _recall(path: Path) -> Answer | None:
    """A remembered answer; None if there is none, or if the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            names: list[str] = json.loads(str(stored["names"]))
            outputs = {name: stored[f"output{index}"] for index, name in enumerate(names)}
            return Answer(outputs, str(stored["authority"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _remember(path: Path, answer: Answer) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Array] = {f"output{i}": array for i, array in enumerate(answer.outputs.values())}
    arrays["names"] = np.array(json.dumps(list(answer.outputs)))
    arrays["authority"] = np.array(answer.authority)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-", suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
