"""A chat of twenty words."""

from collections.abc import AsyncGenerator

from hayhooks import BasePipelineWrapper


class PipelineWrapper(BasePipelineWrapper):
    """Says them at once."""

    def setup(self) -> None:
        pass

    async def run_chat_completion_async(self, model: str, messages: list[dict], body: dict) -> AsyncGenerator:
        async def words() -> AsyncGenerator:
            for number in range(20):
                yield f"word {number} "

        return words()
