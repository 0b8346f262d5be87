"""What peers load, kept between runs: compilers take minutes for a model.

Kiln itself is never kept: it changes under the same version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.isa import Isa
from bench.latency import SUBJECT, Prepared, prepare_each
from bench.peers import MissingPeer, forest_peer
from compiler.targets import resolve


@dataclass(frozen=True)
class _Record:
    """What came of preparing: a path and the seconds that it took, or the reason that there is none. `key` is all that
    it depends on, but for the limit: a reason may be that time was up."""

    key: str
    limit_seconds: float
    seconds: float = 0.0
    path: str = ""
    failure: str = ""

    def found(self, key: str, limit_seconds: float) -> Prepared | str | None:
        """What this says of the same model and engine, None if nothing."""
        if self.key != key or (self.failure and self.limit_seconds != limit_seconds):
            return None
        if self.failure:
            return self.failure
        return Prepared(Path(self.path), self.seconds) if Path(self.path).exists() else None


def prepare_or_keep(
    engine: str, prepare: Callable[[str], Path], isa: Isa, folder: Path | None, source: Path, limit_seconds: float
) -> Prepared | str:
    """What an engine loads, or why there is nothing, from an earlier run that left it in `folder` if there is one.

    Args:
        engine: of `FOREST_PEERS`.
        prepare: makes it, for the engine of that name.
        isa: what it is made for.
        folder: of this model, or None to keep nothing.
        source: the model's file.
        limit_seconds: what making it may take.
    """
    key = _key(engine, isa, source)
    if folder is None or key is None:
        return _prepared(engine, prepare, isa)
    file = folder / f"{engine}.json"
    if file.exists() and (known := _Record(**json.loads(file.read_text())).found(key, limit_seconds)):
        return known
    found = _prepared(engine, prepare, isa)
    if isinstance(found, str):
        record = _Record(key, limit_seconds, failure=found)
    else:
        record = _Record(key, limit_seconds, found.seconds, str(found.path.resolve()))
    file.write_text(json.dumps(asdict(record), indent=1) + "\n")
    return found


def _prepared(engine: str, prepare: Callable[[str], Path], isa: Isa) -> Prepared | str:
    prepared, failures = prepare_each([engine], prepare, isa)
    return prepared[engine] if engine in prepared else failures[engine]


def _key(engine: str, isa: Isa, source: Path) -> str | None:
    """None for what is not kept."""
    if engine == SUBJECT:
        return None
    try:
        version = forest_peer(engine).version()
    except MissingPeer:
        return None
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    return f"{engine} {version}, {resolve(isa.target).fingerprint()}, {digest}"
