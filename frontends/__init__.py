"""Readers of models, one file or package per source framework. Each gives a `compiler.ir.Graph`."""
