"""Every error that the runtime raises on purpose, one class per kind of message.

Owns the wording. Catch `KilnError` for all of them; the compiler's errors are a family of their own.
"""

from pathlib import Path

Shape = tuple[int | None, ...]


class KilnError(Exception):
    """Base of all errors of the runtime."""


class ArtifactError(KilnError):
    """Something is wrong with an artifact's files."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path


class ArtifactNotFoundError(ArtifactError, FileNotFoundError):
    """The path holds neither an artifact directory nor an archive."""


class ManifestError(ArtifactError):
    """manifest.json is missing, is not JSON, or breaks the schema."""


class DamagedArtifactError(ArtifactError):
    """A file has another size or digest than the manifest says: truncated, tampered with, or mixed up."""


class ArchiveError(ArtifactError):
    """The archive is not a readable .tar.gz, or has a member that an artifact never has."""


class TargetMismatchError(ArtifactError):
    """The artifact was compiled for another CPU, architecture or C library than this process runs on."""


class CacheError(ArtifactError):
    """The directory into which archives are unpacked cannot be written."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(
            path,
            f"cannot write the artifact cache ({reason}); set KILN_CACHE to a writable directory, "
            "or unpack the archive yourself and open the directory",
        )


class TensorError(KilnError):
    """Base of the errors about one input or output of a run."""

    def __init__(self, kind: str, name: str, problem: str) -> None:
        super().__init__(f"{kind} '{name}': {problem}")
        self.name = name


class MissingTensorError(TensorError, KeyError):
    """An input was not given."""

    def __init__(self, kind: str, name: str, given: list[str]) -> None:
        super().__init__(kind, name, f"not given; got {given or 'nothing'}")

    __str__ = Exception.__str__  # KeyError's would quote the message


class UnknownTensorError(TensorError, KeyError):
    """A name that the model does not have."""

    def __init__(self, kind: str, name: str, known: list[str]) -> None:
        super().__init__(kind, name, f"the model has no such {kind}; it has {known}")

    __str__ = Exception.__str__


class TensorDtypeError(TensorError, TypeError):
    """An array has another element type than the model's; nothing is converted silently."""

    def __init__(self, kind: str, name: str, expected: str, got: object) -> None:
        super().__init__(kind, name, f"expected dtype {expected}, got {got}")


class TensorShapeError(TensorError, ValueError):
    """An array has another shape than the model's."""

    def __init__(self, kind: str, name: str, expected: Shape, got: Shape) -> None:
        super().__init__(kind, name, f"expected shape {list(expected)}, got {list(got)}")


class OutputBufferError(TensorError, ValueError):
    """An array given for an output cannot be written in place."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__("output", name, problem)


class ModelClosedError(KilnError):
    """The model was used after `close`."""

    def __init__(self, name: str) -> None:
        super().__init__(f"model '{name}' is closed")


class NativeError(KilnError):
    """The C runtime reported an error (see `kiln_status` in kiln.h)."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(f"{message} ({status})")
        self.status = status


class SelftestError(KilnError):
    """The golden vectors were not reproduced on this machine."""
