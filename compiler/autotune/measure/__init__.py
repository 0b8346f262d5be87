"""Builds candidates and runs them, in other processes or on other machines; every failure is a result."""
