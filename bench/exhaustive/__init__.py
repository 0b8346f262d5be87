"""Measuring every point of the spaces of chosen tasks, into the tables that searches and models are tried on."""
