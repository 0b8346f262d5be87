"""Pictures as the inputs of vision models: decoding, resizing, and the normalizations that models were trained with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_DEVIATION = (58.395, 57.12, 57.375)


def stretched(path: Path, width: int, height: int) -> Floats:
    """A picture at exactly this size: f32[height, width, 3], RGB, 0 to 255."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB").resize((width, height), Image.Resampling.BILINEAR), np.float32)


def centre(path: Path, short_side: int, size: int) -> Floats:
    """The middle f32[size, size, 3] of a picture whose short side was scaled to ``short_side``; RGB, 0 to 255."""
    with Image.open(path) as picture:
        scale = short_side / min(picture.size)
        width, height = (round(side * scale) for side in picture.size)
        scaled = picture.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
        left, top = (width - size) // 2, (height - size) // 2
        return np.asarray(scaled.crop((left, top, left + size, top + size)), np.float32)


def network_input(
    rgb: Floats,
    mean: tuple[float, float, float] = (0, 0, 0),
    deviation: tuple[float, float, float] = (1, 1, 1),
    *,
    bgr: bool = False,
) -> Floats:
    """Pictures f32[..., height, width, 3] as f32[n, 3, height, width]; mean and deviation are those of red, green,
    blue."""
    normalized = (rgb - np.asarray(mean)) / np.asarray(deviation)
    channels = normalized[..., ::-1] if bgr else normalized
    batch = channels if channels.ndim == 4 else channels[np.newaxis]
    return np.ascontiguousarray(batch.transpose(0, 3, 1, 2), np.float32)
