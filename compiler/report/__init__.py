"""The page that ``--report`` writes: what was built, readable in a browser without a network."""

from compiler.report.measure import measure_kernels
from compiler.report.page import render_page, write_report

__all__ = ["measure_kernels", "render_page", "write_report"]
