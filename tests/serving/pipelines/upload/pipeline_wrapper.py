from fastapi import UploadFile
from hayhooks import BasePipelineWrapper


class PipelineWrapper(BasePipelineWrapper):
    def setup(self) -> None:
        pass

    async def run_api_async(
        self, query: str = "none", count: int = 0, options: dict | None = None, files: list[UploadFile] | None = None
    ) -> dict:
        found = []
        for each in files or []:
            found.append([each.filename, (await each.read()).decode(), each.content_type])
        return {"query": query, "count": count, "options": options, "files": found}
