"""A run that does nothing."""

from hayhooks import BasePipelineWrapper


class PipelineWrapper(BasePipelineWrapper):
    """Answers with what it was given."""

    def setup(self) -> None:
        pass

    def run_api(self, text: str = "") -> str:
        return text
