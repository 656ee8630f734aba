"""Makes arrays of a table."""

import numpy as np


class ConvertAction:
    def __init__(self, params, ctx):
        self.params, self.ctx = params, ctx

    def run(self):
        table = np.loadtxt(self.params["csv"], delimiter=",", skiprows=1)
        path = self.ctx.datasets_dir / "data.npz"
        np.savez(path, x=table[:, :-1], y=table[:, -1])
        return {"arrays": path, "rows": len(table)}
