"""Runs a script of the run service's guides as it is printed: `python -m dtlpipe.runs.synapse_sdk SCRIPT`.

What follows the script's name are its arguments. Where the original SDK is installed, the script gets that.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from dtlpipe.runs.synapse_sdk import install


def main() -> None:
    """The script runs as the program, with the arguments that follow it."""
    if len(sys.argv) < 2:
        sys.exit("usage: python -m dtlpipe.runs.synapse_sdk SCRIPT [ARGUMENT]...")
    del sys.argv[0]
    sys.path[0] = str(Path(sys.argv[0]).resolve().parent)
    install()
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
