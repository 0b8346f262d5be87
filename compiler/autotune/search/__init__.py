"""Searches, one file each: given a space and the results so far, which candidates are next."""
