from compiler.artifact import Artifact as Artifact
from compiler.driver import compile as compile
from compiler.driver import load as load
from compiler.errors import BuildError as BuildError
from compiler.errors import VerificationError as VerificationError
from compiler.targets import Target as Target
