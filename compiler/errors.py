"""What a build raises: one clear message each, for the person who asked for the build."""


class BuildError(Exception):
    """A build failed; the message names the file or node, and the cause."""


class VerificationError(BuildError):
    """The compiled model's numbers are wrong."""


def os_error_text(error: OSError) -> str:
    """``FILE: No such file or directory``, without the number that Python puts before it."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"
