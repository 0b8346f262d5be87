"""A one-line progress bar for people: on a terminal only, and only for what takes longer than two seconds."""

import sys
import time

_PATIENCE_SECONDS = 2.0
_REDRAW_SECONDS = 0.1
_WIDTH = 30


class ProgressBar:
    """`with ProgressBar("timing") as bar: bar.update(fraction)`; writes to standard error."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._next_draw = time.monotonic() + _PATIENCE_SECONDS
        self._drawn = False

    def __enter__(self) -> "ProgressBar":
        return self

    def update(self, fraction: float) -> None:
        now = time.monotonic()
        if now < self._next_draw or not sys.stderr.isatty():
            return
        self._next_draw = now + _REDRAW_SECONDS
        self._drawn = True
        filled = round(_WIDTH * min(fraction, 1.0))
        bar = "#" * filled + "." * (_WIDTH - filled)
        print(f"\r{self._label} [{bar}]", end="", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
