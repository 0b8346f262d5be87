"""Speech, cut into the overlapping frames that streaming models take."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def recording(path: Path) -> Floats:
    """A mono 16-bit file as f32[samples] in [-1, 1)."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        data = file.readframes(file.getnframes())
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768)


def frames(signal: Floats, size: int, hop: int) -> Floats:
    """All whole frames of ``size`` samples, one every ``hop``: f32[count, size]."""
    return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(signal, size)[::hop])
