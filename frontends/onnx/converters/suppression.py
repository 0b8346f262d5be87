"""Non-maximum suppression of known boxes. Source: ONNX NonMaxSuppression."""

from __future__ import annotations

import numpy as np

from compiler.ir.literal import Array


def non_max_suppression(
    boxes: Array,
    scores: Array,
    *,
    limit: int,
    iou_threshold: float,
    score_threshold: float,
    centered: bool,
) -> Array:
    """i64[selected, 3]: (batch, class, box), at most ``limit`` per batch and class, the best score first.

    ``boxes`` is [batch, n, 4]: two opposite corners (y, x, y, x) or, if ``centered``, (x, y, width, height);
    ``scores`` is [batch, classes, n]. A box counts if its score exceeds ``score_threshold``; it is dropped if
    its intersection over union with one selected before exceeds ``iou_threshold``.
    """
    selected: list[tuple[int, int, int]] = []
    for batch, classes in enumerate(scores):
        corners = _corners(boxes[batch].astype(np.float32), centered)
        for label, row in enumerate(classes):
            kept: list[int] = []
            for box in np.argsort(-row, kind="stable"):
                if len(kept) >= limit or not row[box] > score_threshold:
                    break
                if not (_iou(corners[box], corners[kept]) > iou_threshold).any():
                    kept.append(int(box))
            selected += [(batch, label, box) for box in kept]
    return np.array(selected, np.int64).reshape(-1, 3)


def _corners(boxes: Array, centered: bool) -> Array:
    """[n, 4] as the smaller and the larger corner."""
    if centered:
        half = boxes[:, 2:] / 2
        return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], 1)
    first, second = boxes[:, :2], boxes[:, 2:]
    return np.concatenate([np.minimum(first, second), np.maximum(first, second)], 1)


def _iou(box: Array, others: Array) -> Array:
    """Intersection over union of one box with [n, 4] others; 0 where a box has no area."""
    overlap = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    intersection = np.prod(np.clip(overlap, 0, None), 1)
    area, areas = np.prod(box[2:] - box[:2]), np.prod(others[:, 2:] - others[:, :2], 1)
    union = area + areas - intersection
    valid = (intersection > 0) & (union > 0) & (area > 0) & (areas > 0)
    return np.where(valid, intersection / np.where(valid, union, 1), 0)
