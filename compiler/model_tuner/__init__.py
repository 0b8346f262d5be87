"""Tuning of whole models: wires frontends, passes, code generation and the database with ``compiler.autotune``."""
