"""manifest.json: what an artifact contains, needs and promises. Owns its schema, versions 1 and 2.

```
{
  "format": 1,                                           2 with a dynamic batch, else 1
  "name": "resnet50",
  "inputs":  [{"name": "x", "dtype": "float32", "shape": [1, 3, 224, 224]}, ...],   format 2: all begin with null
  "outputs": [...],
  "target": {"name": "arm_cortex_a72", "triple": "aarch64-linux-gnu", "features": ["neon"],
             "min_glibc": "2.28"},                       null: linked against another C library
  "files": {"model.so": {"sha256": "<64 hex digits>", "bytes": 123}, "weights.bin": ..., "kiln.h": ...,
            "golden.npz": ...},                          every file but manifest.json; golden.npz is optional
  "arena_bytes": 4096,                                   working memory of one context; format 2: of each thread
  "tolerance": {"rtol": 1e-3, "atol": 1e-4},             of the golden vectors, see runtime.selftest
  "versions": {"kiln": "0.1.0", ...},                    toolchain, text to text
  "kernels": [{"name": "conv_0", "flops": 1e6, "bytes": 2e4}, ...],   in execution order; may be []; format 2:
                                                         those for the largest tile of rows first, for one row last
  "provenance": {...},                                   free: source model, pipeline, tuning records
  "digest": "<64 hex digits>"                            of all of the above, see _digest
}
```

The digest is no signature: it finds damage and careless edits, not an attacker who can recompute it.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runtime.errors import DamagedArtifactError, ManifestError
from runtime.jsonfields import Fields, Json
from runtime.tensors import DTYPES, TensorSpec

FIXED_FORMAT, DYNAMIC_FORMAT = 1, 2
MANIFEST = "manifest.json"
LIBRARY = "model.so"
WEIGHTS = "weights.bin"
GOLDEN = "golden.npz"
HEADER = "kiln.h"
REQUIRED_FILES = (LIBRARY, WEIGHTS, HEADER)
MAX_MANIFEST_BYTES = 64 << 20

FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FileEntry:
    """A file's SHA-256, as 64 hexadecimal digits, and its size."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class TargetInfo:
    """Where the artifact runs: `features` are CPU features as kiln_cpu.c names them."""

    name: str
    triple: str
    features: tuple[str, ...]
    min_glibc: str | None


@dataclass(frozen=True)
class Tolerance:
    """How far an output may be from its golden vector, see `runtime.selftest.deviation`."""

    rtol: float
    atol: float


@dataclass(frozen=True)
class KernelEntry:
    """One kernel call; `flops` and `bytes` (moved) are those of one run."""

    name: str
    flops: float
    bytes: float


@dataclass(frozen=True)
class Manifest:
    """The content of manifest.json, field by field as the module's docstring has them."""

    name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    target: TargetInfo
    files: Mapping[str, FileEntry]
    arena_bytes: int
    tolerance: Tolerance
    versions: Mapping[str, str]
    kernels: tuple[KernelEntry, ...] = ()
    provenance: Mapping[str, Json] = field(default_factory=dict[str, Json])

    @property
    def is_dynamic(self) -> bool:
        """Whether dimension 0 of all inputs and outputs is the batch, which the caller chooses."""
        return any(spec.is_dynamic for spec in (*self.inputs.values(), *self.outputs.values()))

    def _body(self) -> dict[str, Json]:
        return {
            "format": DYNAMIC_FORMAT if self.is_dynamic else FIXED_FORMAT,
            "name": self.name,
            "inputs": [_spec_json(name, spec) for name, spec in self.inputs.items()],
            "outputs": [_spec_json(name, spec) for name, spec in self.outputs.items()],
            "target": {
                "name": self.target.name,
                "triple": self.target.triple,
                "features": list(self.target.features),
                "min_glibc": self.target.min_glibc,
            },
            "files": {name: {"sha256": f.sha256, "bytes": f.bytes} for name, f in sorted(self.files.items())},
            "arena_bytes": self.arena_bytes,
            "tolerance": {"rtol": self.tolerance.rtol, "atol": self.tolerance.atol},
            "versions": dict(sorted(self.versions.items())),
            "kernels": [{"name": k.name, "flops": k.flops, "bytes": k.bytes} for k in self.kernels],
            "provenance": dict(self.provenance),
        }

    def to_json(self) -> str:
        """The text of manifest.json: indented for readers, the same bytes for equal manifests."""
        body = self._body()
        return json.dumps(body | {"digest": _digest(body)}, indent=1) + "\n"

    @staticmethod
    def parse(text: str, path: Path) -> "Manifest":
        """Read the text of manifest.json; `path` is for messages.

        Raises ManifestError on a breach of the schema, DamagedArtifactError when the digest does not match.
        """
        try:
            document: object = json.loads(text)
        except ValueError as error:
            raise ManifestError(path, f"not JSON: {error}") from None
        root = Fields.of_root(document, path)
        if (version := root.integer("format")) not in (FIXED_FORMAT, DYNAMIC_FORMAT):
            raise ManifestError(
                path,
                f"format {version}; this runtime reads formats {FIXED_FORMAT} and {DYNAMIC_FORMAT}:"
                " update kiln-runtime",
            )
        digest = root.text("digest")
        body = {key: value for key, value in root.items() if key != "digest"}
        if digest != _digest(body):
            raise DamagedArtifactError(path, "its content does not match its own digest: edited or damaged")
        return _parse_body(root)

    @staticmethod
    def load(directory: Path) -> "Manifest":
        """Read `directory`/manifest.json."""
        path = directory / MANIFEST
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ManifestError(path, f"not an artifact, its manifest cannot be read: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise ManifestError(path, f"not JSON: {error}") from None
        return Manifest.parse(text, path)


def _digest(body: Mapping[str, Json]) -> str:
    """SHA-256 of the manifest without its "digest", as JSON with sorted keys, no spaces and ASCII only."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _spec_json(name: str, spec: TensorSpec) -> Json:
    return {"name": name, "dtype": spec.dtype, "shape": list(spec.shape)}


def _parse_body(root: Fields) -> Manifest:
    target = root.record("target")
    tolerance = root.record("tolerance")
    return Manifest(
        name=root.text("name"),
        inputs=_parse_specs(root, "inputs"),
        outputs=_parse_specs(root, "outputs"),
        target=TargetInfo(
            target.text("name"),
            target.text("triple"),
            target.texts("features"),
            target.optional_text("min_glibc"),
        ),
        files=_parse_files(root),
        arena_bytes=root.integer("arena_bytes"),
        tolerance=Tolerance(tolerance.number("rtol"), tolerance.number("atol")),
        versions=root.record("versions").all_texts(),
        kernels=tuple(
            KernelEntry(k.text("name"), k.number("flops"), k.number("bytes")) for k in root.records("kernels")
        ),
        provenance=dict(root.record("provenance").items()),
    )


def _parse_specs(root: Fields, key: str) -> dict[str, TensorSpec]:
    specs: dict[str, TensorSpec] = {}
    for row in root.records(key):
        name, dtype = row.text("name"), row.text("dtype")
        if dtype not in DTYPES:
            raise row.error("dtype", f"one of {list(DTYPES)}")
        if name in specs:
            raise row.error("name", "a name that no other row has")
        shape = row.dimensions("shape")
        dynamic = root.integer("format") == DYNAMIC_FORMAT
        if None in shape[1:] or dynamic != (shape[:1] == (None,)):
            raise row.error("shape", "null, as dimension 0" if dynamic else "no null in format 1")
        specs[name] = TensorSpec(dtype, shape)
    return specs


def _parse_files(root: Fields) -> dict[str, FileEntry]:
    files: dict[str, FileEntry] = {}
    table = root.record("files")
    for name in table.values:
        entry = table.record(name)
        if not FILE_NAME.fullmatch(name) or name == MANIFEST:
            raise root.error("files", f"plain file names other than {MANIFEST}, not {name!r}")
        if not _SHA256.fullmatch(entry.text("sha256")):
            raise entry.error("sha256", "64 lower-case hex digits")
        files[name] = FileEntry(entry.text("sha256"), entry.integer("bytes"))
    missing = [name for name in REQUIRED_FILES if name not in files]
    if missing:
        raise root.error("files", f"entries for {missing} as well")
    return files
