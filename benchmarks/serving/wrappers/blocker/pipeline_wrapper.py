"""A run that blocks its own loop."""

import time

from hayhooks import BasePipelineWrapper


class PipelineWrapper(BasePipelineWrapper):
    """Does what it should not."""

    def setup(self) -> None:
        pass

    async def run_api_async(self, seconds: float = 1.0) -> float:
        time.sleep(seconds)  # noqa: ASYNC251 - as a careless wrapper does
        return seconds
