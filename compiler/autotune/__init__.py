"""The tuner: which configuration of which template is fastest for a task on a target, and a database of the answers."""
