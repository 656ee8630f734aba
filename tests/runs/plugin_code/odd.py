"""Actions that go wrong, and what is none."""

import time

from pydantic import BaseModel
from synapse_sdk.plugins.action import BaseAction

THING = 3


class NoAction:
    """It has neither run nor execute."""


class FailAction:
    def __init__(self, params, ctx):
        self.params = params

    def execute(self):
        raise ValueError("out of paper")


class ObjectAction(FailAction):
    def execute(self):
        return {"thing": object()}


class SlowAction(FailAction):
    def execute(self):
        print("sleeping")
        time.sleep(60)


def double(params, ctx):
    ctx.set_progress(1, 1)
    return {"x": params["x"] * 2}


def twice(params, ctx):
    return {"x": params["x"] + 1, "seen": sorted(params), "folder": str(ctx.work_dir)}


class Result(BaseModel):
    """What is promised."""

    value: int


class LaterAction(BaseAction):
    """As it is written for later versions of the original."""

    result_model = Result

    def execute(self):
        assert self.ctx.client is None
        self.set_progress(1, 4, step="first")
        self.set_metrics({"loss": 1.0}, step="first")
        self.log_metric("first", "epoch", 3, accuracy=0.5)
        self.log_message("half of it", "warning")
        self.ctx.log("event", {"a": 1}, level="danger")
        return {"value": "many", "more": 1}
