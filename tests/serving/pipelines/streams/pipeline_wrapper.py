import os
import tempfile
from collections.abc import Generator

from fastapi.responses import FileResponse
from hayhooks import BasePipelineWrapper, SSEStream


class PipelineWrapper(BasePipelineWrapper):
    def setup(self) -> None:
        pass

    def run_api(self, kind: str = "text", size: int = 3) -> Generator:
        if kind == "sse":
            return SSEStream(f"line {number}\nmore" for number in range(size))
        if kind == "file":
            with tempfile.NamedTemporaryFile("wb", suffix=".bin", delete=False) as file:
                file.write(os.urandom(1024) * size)
            return FileResponse(file.name, filename="all.bin", media_type="application/x-own")
        return self._text(kind, size)

    def _text(self, kind: str, size: int) -> Generator:
        for number in range(size):
            yield {"number": number} if kind == "dicts" else f"{number};"
            if kind == "fails":
                raise ValueError("no further")
