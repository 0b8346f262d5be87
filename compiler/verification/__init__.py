"""Proving a build: inputs, expected outputs, running the artifact, comparing. Knows no source framework by
name."""

from compiler.verification.compare import differences, tolerance_for
from compiler.verification.expected import Answer, Oracle, expected_answer
from compiler.verification.inputs import sample_inputs
from compiler.verification.runner import KernelTime, RunError, Runner, build_runner

__all__ = [
    "Answer",
    "KernelTime",
    "Oracle",
    "RunError",
    "Runner",
    "build_runner",
    "differences",
    "expected_answer",
    "sample_inputs",
    "tolerance_for",
]
