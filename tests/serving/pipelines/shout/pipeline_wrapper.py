from hayhooks import BasePipelineWrapper


class PipelineWrapper(BasePipelineWrapper):
    def setup(self) -> None:
        self.made = 1

    def run_api(self, text: str, times: int = 1, options: dict | None = None) -> str:
        """Shout a text.

        Args:
            text: What to shout.
            times: How often.

        Returns:
            The text, louder.
        """
        return text.upper() * times + (options or {}).get("end", "")
