"""Actions that download a table, make arrays of it, and train a classifier: what `examples/training/run.py` runs."""
