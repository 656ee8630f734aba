"""Data in JSON files: written whole or not at all, and read with errors that name the file."""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["read_json", "write_json"]


def write_json(data: Any, folder: Path, name: str) -> Path:
    """Write data to `folder/name.json` and return that path. What no file name may hold becomes an underscore.

    The text is written beside its place and moved there, so nobody ever reads half of it. A file of the same name is
    replaced.

    Raises:
        OSError: it cannot be written.
        TypeError, ValueError: the data is not for JSON.
    """
    text = json.dumps(data, indent=2)
    path = folder / (re.sub(r"[^\w.() -]", "_", name) + ".json")
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=folder, suffix=".tmp")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink()
        raise
    return path


def read_json(path: Path) -> Any:
    """Return the data in a file.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read.
        json.JSONDecodeError: it holds no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"File not found: {path}") from error
    except json.JSONDecodeError as error:
        raise json.JSONDecodeError(f"Invalid JSON file {path}: {error.msg}", error.doc, error.pos) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise json.JSONDecodeError(f"Invalid JSON file {path}: {error}", "", 0) from error
    except OSError as error:
        raise OSError(f"Error reading {path}: {error}") from error
