import asyncio

from hayhooks import BasePipelineWrapper


class PipelineWrapper(BasePipelineWrapper):
    """Starts a task of its own in setup, as a wrapper that is served from a loop may."""

    def setup(self) -> None:
        self.queue = asyncio.Queue()
        self.worker = asyncio.create_task(self.work())

    async def work(self) -> None:
        while True:
            number, future = await self.queue.get()
            future.set_result(number * 2)

    async def run_api_async(self, number: int) -> int:
        future = asyncio.get_running_loop().create_future()
        await self.queue.put((number, future))
        return await future
