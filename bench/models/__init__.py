"""The models the project makes itself: architectures by the book, weights from a seed or our own training.

Owns how such a model comes into being. Must not know how it is compiled or measured.
"""
