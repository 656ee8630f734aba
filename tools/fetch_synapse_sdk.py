"""Fetches Synapse's own SDK for the tests of the run service, without installing it: `fetch_synapse_sdk.py FOLDER`.

It asks for Python 3.12 and for libraries that have no business here, so that it cannot be among the requirements; but
the client of the run service is one module of it that needs httpx alone. The tests then find it by

    DTLPIPE_TEST_SYNAPSE_SDK=FOLDER make test PYTEST_ARGS=tests/runs
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

RELEASE = "synapse-sdk==2026.2.17"


def main(folder: Path) -> None:
    """Downloads the wheel by pip, and unpacks it."""
    with tempfile.TemporaryDirectory() as found:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--python-version", "3.12", "--dest", found, RELEASE], check=True)  # noqa: S603 - fixed words
        (wheel,) = Path(found).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    print(f"{RELEASE} is in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
