"""Actions that go wrong, and what is none."""

import time

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
