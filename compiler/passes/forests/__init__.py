"""How whole forests become tables for the algorithms that compute them, and which algorithm a forest gets.

Functions of a ``Forest``; the pass ``lower-forests`` makes constants and nodes of what they return.
"""
