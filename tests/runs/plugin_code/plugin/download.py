"""Downloads a table."""

from urllib.request import urlopen

from pydantic import BaseModel
from synapse_sdk.plugins.action import BaseAction


class DownloadParams(BaseModel):
    url: str


class DownloadResult(BaseModel):
    csv: str
    bytes: int


class DownloadAction(BaseAction[DownloadParams]):
    result_model = DownloadResult

    def execute(self) -> DownloadResult:
        with urlopen(self.params.url, timeout=30) as answer:
            data = answer.read()
        path = self.ctx.datasets_dir / "data.csv"
        path.write_bytes(data)
        self.logger.info("downloaded %d bytes", len(data))
        self.set_progress(len(data), len(data), "download")
        return DownloadResult(csv=str(path), bytes=len(data))
