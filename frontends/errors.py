"""What can go wrong with a model, in all frontends. Each message names the file, the place in it, and the cause."""

from __future__ import annotations


class ModelError(ValueError):
    """The model cannot be compiled; the message is one clear statement for the person who gave it."""


class UnreadableModel(ModelError):
    """The file cannot be read, is of no known format, or is truncated."""


class MalformedModel(ModelError):
    """The file can be read, but it is no model: something is missing, of the wrong kind, or contradicts itself."""


class UnsupportedModel(ModelError):
    """A model, or a part of one, of a kind that Kiln does not compile."""


class InputError(ModelError):
    """What is asked of the model (shapes, fixed inputs, outputs, iterations) does not fit it."""


class NoAnswerError(ValueError):
    """An oracle, the source framework, cannot run the model on these inputs; the message has its reason."""
