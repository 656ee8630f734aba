"""Trains a linear model by gradient descent, with a checkpoint on disk after each epoch."""

import time

import numpy as np
from pydantic import BaseModel
from synapse_sdk.plugins.action import BaseAction


class TrainParams(BaseModel):
    arrays: str
    epochs: int = 20
    rate: float = 0.3
    pause: float = 0.0


class TrainAction(BaseAction[TrainParams]):
    action_name = "train"

    def execute(self):
        data = np.load(self.params.arrays)
        x = np.c_[data["x"], np.ones(len(data["x"]))]
        weights, begun = np.zeros(x.shape[1]), 0
        if self.ctx.last_checkpoint is not None:
            weights = np.load(self.ctx.last_checkpoint["artifacts_path"])
            begun = self.ctx.last_checkpoint["result"]["epoch"]
            self.logger.info("resuming after epoch %d", begun)
        loss = float("inf")
        for epoch in range(begun, self.params.epochs):
            error = x @ weights - data["y"]
            weights -= self.params.rate * 2 * x.T @ error / len(x)
            loss = float((error**2).mean())
            saved = self.ctx.checkpoints_dir / f"epoch_{epoch + 1}.npy"
            np.save(saved, weights)
            self.set_metrics({"loss": loss, "epoch": epoch + 1})
            self.set_progress(epoch + 1, self.params.epochs, "train")
            self.ctx.checkpoint({"epoch": epoch + 1}, saved)
            time.sleep(self.params.pause)
        model = self.ctx.models_dir / "model.npy"
        np.save(model, weights)
        self.ctx.artifacts_path = model
        return {"loss": loss, "weights": weights.tolist(), "model": str(model), "resumed_after": begun}
