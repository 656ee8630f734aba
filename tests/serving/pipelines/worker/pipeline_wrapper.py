import os
import time
from pathlib import Path
from typing import Any

from hayhooks import BasePipelineWrapper

from dtlpipe.hosting.jobs import progress


class PipelineWrapper(BasePipelineWrapper):
    def setup(self) -> None:
        pass

    def run_api(self, kind: str = "double", number: int = 0, path: str = "") -> Any:
        if kind == "flaky":  # fails as often as the number says
            with Path(path).open("a") as file:
                file.write("x")
            if len(Path(path).read_text()) <= number:
                raise ConnectionError("not yet")
        if kind == "fails":
            raise ValueError("never")
        if kind == "hangs":
            Path(path).write_text(str(os.getpid()))
            progress(1, 4, "a quarter")
            while True:
                time.sleep(0.05)
        return number * 2
