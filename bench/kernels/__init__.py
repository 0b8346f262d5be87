"""The speed of every kernel of a compiled model, beside what the machine could do at most at the same time."""
