"""Makes arrays of a table."""

from typing import Any

import numpy as np
from pydantic import BaseModel
from synapse_sdk.plugins.action import BaseAction

from plugin.tables import split


class ConvertParams(BaseModel):
    """What `download` gives."""

    table: str


class ConvertAction(BaseAction[ConvertParams]):
    """Gives the file with the arrays."""

    action_name = "convert"

    def execute(self) -> dict[str, Any]:
        arrays = split(self.params.table)
        path = self.ctx.datasets_dir / "arrays.npz"
        np.savez(path, **arrays)
        self.logger.info("%d rows to learn from, %d to test with", len(arrays["y"]), len(arrays["y_test"]))
        return {"arrays": path, "rows": len(arrays["y"])}
