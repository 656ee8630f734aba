"""Tables as arrays: measures in all columns but the last, whole numbers that name a kind in the last."""

from pathlib import Path

import numpy as np

TESTED = 5  # every fifth row is kept for the test


def split(table: str | Path) -> dict[str, np.ndarray]:
    """What is learned from and what is tested with, each column scaled by what is learned from."""
    rows = np.loadtxt(table, delimiter=",", skiprows=1)
    tested = np.arange(len(rows)) % TESTED == 0
    x, y = rows[:, :-1], rows[:, -1].astype(int)
    mean, spread = x[~tested].mean(axis=0), x[~tested].std(axis=0)
    x = (x - mean) / spread
    return {"x": x[~tested], "y": y[~tested], "x_test": x[tested], "y_test": y[tested]}
