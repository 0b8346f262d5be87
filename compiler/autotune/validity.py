"""Which records still hold: those made by the code generator and the templates that the compiler has now."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from compiler.autotune.record import Record

_CODE_GENERATOR = "apache-tvm"


@cache
def toolchain_id() -> str:
    """The code generator of this installation, for records: ``apache-tvm 0.27.0.post1``."""
    return f"{_CODE_GENERATOR} {importlib.metadata.version(_CODE_GENERATOR)}"


@dataclass(frozen=True)
class Validity:
    """A toolchain, and the versions of templates by their names. Records of anything else are stale."""

    toolchain: str
    versions: Mapping[str, int]

    def holds(self, record: Record) -> bool:
        """Whether the record's choice makes the same kernel now as when it was tried."""
        return record.toolchain == self.toolchain and self.versions.get(record.choice.template) == record.version
