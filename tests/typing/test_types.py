"""Type checkers are asked what they make of the SDK: the other files here are read by mypy, never run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.timeout(600)  # without a cache, mypy reads the whole SDK
def test_verbs_have_the_types_of_their_colour() -> None:
    files = sorted(str(each) for each in HERE.glob("*.py") if each.name != Path(__file__).name)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", *files]
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
