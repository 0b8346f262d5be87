"""The arena over time: a rectangle per buffer, from its first to its last step and over the bytes it
occupies."""

from __future__ import annotations

from compiler.codegen.plan import Plan, Storage
from compiler.report.html import escape, quantity

_WIDTH, _HEIGHT = 1100, 320
_COLORS = 8


def memory_view(plan: Plan) -> str:
    """The drawing, or a sentence where there is no arena."""
    arena = [buffer for buffer in plan.buffers if buffer.storage is Storage.ARENA]
    if not arena:
        return "<p>This model needs no working memory: every value lies in an input, an output or the weights.</p>"
    steps = {step: column for column, step in enumerate(sorted({call.step for call in plan.calls}))}
    across = _WIDTH / len(steps)
    down = _HEIGHT / plan.arena_bytes
    boxes: list[str] = []
    for number, buffer in enumerate(arena):
        columns = [column for step, column in steps.items() if buffer.first <= step <= buffer.last]
        x, width = min(columns) * across, len(columns) * across
        y, height = _HEIGHT - (buffer.offset + buffer.bytes) * down, buffer.bytes * down
        title = f"{quantity(buffer.bytes, 'B')} at {buffer.offset}, steps {buffer.first} to {buffer.last}"
        boxes.append(
            f'<rect class="c{number % _COLORS}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}">'
            f"<title>{escape(title)}</title></rect>"
        )
    return (
        f"<p>{quantity(plan.arena_bytes, 'B')}, at least {quantity(plan.live_bytes, 'B')} of which are alive at once;"
        f" all tensors together take {quantity(plan.tensor_bytes, 'B')}."
        " Left to right: calls in order; bottom to top: addresses.</p>"
        f'<svg class="memory" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none">{"".join(boxes)}</svg>'
    )
