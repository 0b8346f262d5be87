"""Rewrite rules, each right on its own, grouped by what they look at.

A rule keeps the results bit for bit (payloads of NaNs aside) unless its docstring says otherwise, and its
right side never costs more than its left. Passes put rules together; rules know no pass.
"""
