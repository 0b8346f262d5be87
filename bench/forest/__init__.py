"""The suite of forests: what ensembles of decision trees cost per row, in several engines and for several batches."""
