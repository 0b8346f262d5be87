"""PyTorch with torch.compile, its weights frozen into the code, as its documentation advises for inference on CPUs."""

# The package is optional: where it is not installed, the checker knows nothing of it.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

from pathlib import Path

import torch
from torch._inductor import config

from bench.peers import Session
from bench.peers.torch import module, prepare, runtime_files, session, version

__all__ = ["load", "prepare", "runtime_files", "version"]


def load(prepared: Path, threads: int) -> Session:
    """A session on `threads` threads; the first run compiles."""
    config.freezing = True
    compiled = torch.compile(module(prepared, threads))
    return session(compiled, prepared)  # pyright: ignore[reportArgumentType]  # a callable in the module's place
