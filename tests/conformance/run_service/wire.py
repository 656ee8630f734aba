"""The run service's contract, endpoint by endpoint, with bare requests.

Against the bundled platform, or against any service: DTLPIPE_TEST_RUN_SERVICE=http://localhost:8100. What only ours
does (the original leaves holes) is marked `ours`, and left out then.
"""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
import requests

OTHER = os.environ.get("DTLPIPE_TEST_RUN_SERVICE")
ours = pytest.mark.skipif(OTHER is not None, reason="what the bundled platform does beyond the original")

ACTIONS = [
    {"name": "download", "entrypoint": "plugin.download.DownloadAction"},
    {"name": "train", "entrypoint": "plugin.train.TrainAction"},
]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?")
NOWHERE = "00000000-0000-4000-8000-000000000000"

PIPELINE = {"id", "name", "description", "actions", "created_at", "updated_at"}
RUN = {
    "id", "pipeline_id", "status", "params", "current_action", "current_action_index", "progress", "result", "error",
    "work_dir", "started_at", "completed_at", "created_at",
}  # fmt: skip
ACTION = {
    "name", "status", "progress", "progress_category", "message", "metrics", "started_at", "completed_at", "error",
}  # fmt: skip
PROGRESS = {
    "run_id", "status", "current_action", "current_action_index", "progress", "error", "started_at", "completed_at",
}  # fmt: skip
CHECKPOINT = {
    "id", "run_id", "action_name", "action_index", "status", "params_snapshot", "result", "artifacts_path",
    "created_at",
}  # fmt: skip
LOG = {"id", "run_id", "action_name", "level", "message", "timestamp"}


class Service(requests.Session):
    """Bare requests; a redirect is never followed."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.trust_env = False

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        prefix = "" if path == "/health" else "/api/v1"
        return self.request(method, f"{self.base}{prefix}{path}", timeout=60, allow_redirects=False, **options)

    def ok(self, method: str, path: str, **options: Any) -> Any:
        answer = self.call(method, path, **options)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def refused(self, status: int, method: str, path: str, **options: Any) -> Any:
        answer = self.call(method, path, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        assert set(answer.json()) == {"detail"}
        return answer.json()["detail"]


NEW_CHECKPOINT = {
    "action_name": "download",
    "action_index": 0,
    "status": "completed",
    "params_snapshot": {"path": "/data"},
    "result": {"path": "/data"},
    "artifacts_path": None,
}
NEW_PIPELINE = {"name": "p", "actions": ACTIONS, "description": None}
NEW_LOGS = {"entries": [{"message": "m", "level": "info", "action_name": "train"}]}
NO_PIPELINE, NO_RUN = "Pipeline not found", "Run not found"


def report(there: Service, run: Any, **told: Any) -> Any:
    return there.ok("POST", f"/runs/{run['id']}/progress", json=told)
