"""What a build raises: one clear message each, for the person who asked for the build."""


class BuildError(Exception):
    """A build failed; the message names the file or node, and the cause."""


class VerificationError(BuildError):
    """The compiled model's numbers are wrong."""
