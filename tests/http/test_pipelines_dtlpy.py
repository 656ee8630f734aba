"""The field's own SDK, unmodified, on pipelines: every verb that it has for them, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SESSION = Path(__file__).with_name("dtlpy_session_of_pipelines.py")


def test_every_verb_of_pipelines_works_with_the_real_dtlpy(platform, tmp_path):
    done = subprocess.run(
        [sys.executable, str(SESSION)],
        env={
            **os.environ,
            **platform.environment(),
            "DATALOOP_PATH": str(tmp_path / "dataloop"),
            "PYTHONWARNINGS": "ignore",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    assert done.stdout.rstrip().endswith("all of it")
