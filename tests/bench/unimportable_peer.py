"""A peer whose package fails while it is imported, for the tests of how the benchmark reports that."""

raise RuntimeError("versions do not fit")
