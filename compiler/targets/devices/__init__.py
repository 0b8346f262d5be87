"""One module per device, each a single ``Target`` with the source of its figures. ``compiler.targets.table``
lists them.

Every named target asks for glibc 2.28 at most: that of Raspberry Pi OS "buster", Debian 10 and RHEL 8, and
the baseline of Python's manylinux_2_28 wheels.
"""
