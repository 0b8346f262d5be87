"""C source that a build generates. Knows plans and targets; compiles nothing."""

from compiler.codegen.csource.model import WeightsDigest, model_source

__all__ = ["WeightsDigest", "model_source"]
