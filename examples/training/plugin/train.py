"""Trains a softmax classifier by gradient descent, with a checkpoint on disk after each epoch.

Whatever ends its process, it goes on after the last epoch that was kept.
"""

import os
import time
from typing import Any

import numpy as np
from pydantic import BaseModel
from synapse_sdk.plugins.action import BaseAction

from plugin.tables import split

BATCH = 20


class TrainParams(BaseModel):
    """What `download` gives, what `convert` gives if there is one, and how to train."""

    table: str
    arrays: str | None = None  # without them, they are made of the table
    epochs: int = 20
    rate: float = 0.2
    pause: float = 0.0  # seconds after each epoch, for those who want to watch


class TrainAction(BaseAction[TrainParams]):
    """Gives the accuracy on rows that it has not learned from, and where the model is."""

    action_name = "train"

    def execute(self) -> dict[str, Any]:
        params, ctx = self.params, self.ctx
        data = split(params.table) if params.arrays is None else np.load(params.arrays)
        x, y = _with_ones(data["x"]), np.asarray(data["y"])
        x_test, y_test = _with_ones(data["x_test"]), np.asarray(data["y_test"])
        weights, begun = np.zeros((x.shape[1], y.max() + 1)), 0
        if ctx.last_checkpoint is not None:
            weights = np.load(ctx.last_checkpoint["artifacts_path"])
            begun = ctx.last_checkpoint["result"]["epoch"]
        self.logger.info("process %d begins after epoch %d", os.getpid(), begun)
        for epoch in range(begun + 1, params.epochs + 1):
            order = np.random.default_rng(epoch).permutation(len(y))
            for batch in np.split(order, range(BATCH, len(order), BATCH)):
                weights -= params.rate * _gradient(x[batch], y[batch], weights)
            loss, accuracy = _loss(x, y, weights), _accuracy(x_test, y_test, weights)
            kept = ctx.checkpoints_dir / f"epoch_{epoch}.npy"
            np.save(kept, weights)
            self.set_metrics({"epoch": epoch, "loss": loss, "accuracy": accuracy})
            self.set_progress(epoch, params.epochs, "train")
            ctx.checkpoint({"epoch": epoch}, kept)
            time.sleep(params.pause)
        model = ctx.models_dir / "model.npy"
        np.save(model, weights)
        ctx.artifacts_path = model
        accuracy = _accuracy(x_test, y_test, weights)
        return {"accuracy": accuracy, "loss": _loss(x, y, weights), "model_path": model, "resumed_after": begun}


def _with_ones(x: np.ndarray) -> np.ndarray:
    return np.c_[x, np.ones(len(x))]


def _shares(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    scores = x @ weights
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _gradient(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    wrong = _shares(x, weights)
    wrong[np.arange(len(y)), y] -= 1.0
    return x.T @ wrong / len(y)


def _loss(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    return float(-np.log(_shares(x, weights)[np.arange(len(y)), y]).mean())


def _accuracy(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    return float((_shares(x, weights).argmax(axis=1) == y).mean())
