"""A stream that says something, and then nothing for long."""

import asyncio
from collections.abc import AsyncGenerator

from hayhooks import BasePipelineWrapper


class PipelineWrapper(BasePipelineWrapper):
    """Waits."""

    def setup(self) -> None:
        pass

    async def run_api_async(self, seconds: float = 60.0) -> AsyncGenerator:
        async def pieces() -> AsyncGenerator:
            yield "first"
            await asyncio.sleep(seconds)
            yield "last"

        return pieces()
