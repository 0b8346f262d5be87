"""What a session may learn from before it has tried anything: kernels of any task and target that others have timed."""

from __future__ import annotations

from compiler.autotune.kit import Records
from compiler.autotune.search.model import Kernel, Sample

RELATED = 512
"""Samples that a search's model learns from, at most: the last ones."""


def related_samples(records: Records, fingerprint: str, before: float) -> list[Sample]:
    """The last samples from before a time, in seconds of the Unix epoch.

    Those of other machines are of tasks of their own, since times are comparable within one kind of machine only.
    """
    return [
        Sample(
            record.task if record.fingerprint == fingerprint else f"{record.task} {record.fingerprint}",
            Kernel(record.choice, features),
            record.seconds,
        )
        for record, features in records.lowered(RELATED, before)
    ]
