"""An asynchronous run that does nothing."""

from hayhooks import BasePipelineWrapper


class PipelineWrapper(BasePipelineWrapper):
    """Answers with what it was given."""

    def setup(self) -> None:
        pass

    async def run_api_async(self, text: str = "") -> str:
        return text
