"""Conformance: the ONNX package's own backend cases, run through Kiln and judged by each case's own
tolerance."""
