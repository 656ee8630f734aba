"""What is said to served pipelines, and what their answers mean: pure, and the same for both clients."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from dtlpipe.errors import PlatformException, from_status

DEFAULT_URL: Final = "http://127.0.0.1:1416"
OVER: Final = ("completed", "failed", "canceled")
SOURCES: Final = ("*.pyc", "*.pyo", "*.so", "__pycache__")

Files = Mapping[str, bytes | Path] | Sequence[str | Path]
"""Files to send: paths, or names (with folders) and what they hold."""


def where(url: str | None) -> str:
    """The platform: the url, else `$DTLPIPE_URL`, else hayhooks' address."""
    found = url or os.environ.get("DTLPIPE_URL") or DEFAULT_URL
    return (found if "://" in found else f"http://{found}").rstrip("/")


def headers(token: str | None) -> dict[str, str]:
    """What every request has."""
    found = token or os.environ.get("DTLPIPE_TOKEN")
    return {"Authorization": f"Bearer {found}"} if found else {}


def path(*parts: str) -> str:
    """A path of these segments."""
    return "/" + "/".join(quote(each, safe="") for each in parts)


def named(files: Files | None, folder: str | Path | None) -> list[tuple[str, bytes | Path]]:
    """The files under the names that they are sent with; those of a folder keep their place in it."""
    found: list[tuple[str, bytes | Path]] = []
    if isinstance(files, Mapping):
        found.extend(files.items())
    elif files:
        found.extend((Path(each).name, Path(each)) for each in files)
    if folder is not None:
        root = Path(folder)
        inside = sorted(each for each in root.rglob("*") if each.is_file() and not each.name.startswith("."))
        found.extend((each.relative_to(root).as_posix(), each) for each in inside)
    return found


def body(params: Mapping[str, Any], files: Sequence[tuple[str, bytes | Path]], stack: ExitStack) -> dict[str, Any]:
    """The keywords of a request: JSON, or a form with files, which `stack` closes."""
    if not files:
        return {"json": dict(params)}
    parts = [
        ("files", (name, stack.enter_context(it.open("rb")) if isinstance(it, Path) else it)) for name, it in files
    ]
    data = {
        key: json.dumps(value) if isinstance(value, (dict, list)) else _text(value)
        for key, value in params.items()
        if value is not None
    }
    return {"files": parts, "data": data}


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def sources(folder: str | Path) -> dict[str, str]:
    """The text files of a wrapper's folder."""
    root = Path(folder)
    found: dict[str, str] = {}
    for each in sorted(root.rglob("*")):
        relative = each.relative_to(root)
        if not each.is_file() or any(relative.match(pattern) or "__pycache__" in relative.parts for pattern in SOURCES):
            continue
        try:
            found[relative.as_posix()] = each.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def refusal(status: int, content: bytes, retry_after: str | None = None) -> PlatformException:
    """The error that an answer tells of."""
    try:
        told = json.loads(content)
    except ValueError:
        told = None
    message: Any = content.decode(errors="replace")[:500]
    errors: list[dict[str, Any]] = []
    if isinstance(told, dict):
        message = told.get("detail") or (told.get("error") or {}).get("message") or told.get("message") or message
    if isinstance(message, list):
        errors = [
            {"path": each.get("loc", []), "message": each.get("msg")} for each in message if isinstance(each, dict)
        ]
        message = "; ".join(f"{'.'.join(map(str, each['path']))}: {each['message']}" for each in errors)
    found = from_status(status, str(message), errors=errors)
    if retry_after is not None and retry_after.replace(".", "", 1).isdigit():
        found.retry_after = float(retry_after)
    return found


def answer(kind: str, content: bytes) -> Any:
    """What a run came to: the `result` of JSON, text, or bytes."""
    if kind.startswith("application/json"):
        found = json.loads(content) if content else None
        return found["result"] if isinstance(found, dict) and found.keys() == {"result"} else found
    return content.decode(errors="replace") if kind.startswith("text/") else content


def pause(attempt: int, error: PlatformException | None) -> float:
    """Seconds before the next attempt."""
    if error is not None and error.retry_after is not None:
        return error.retry_after
    return min(0.1 * 2.0**attempt, 5.0)


def chunk(line: str) -> dict[str, Any] | None:
    """The chunk that a line of a chat's stream holds; None for lines that hold none. Raises what it tells of."""
    if not line.startswith("data:"):
        return None
    data = line[5:].strip()
    if data == "[DONE]" or not data:
        return None
    found: dict[str, Any] = json.loads(data)
    if "error" in found:
        raise from_status(500, str((found["error"] or {}).get("message") or found["error"]))
    return found


def chat(
    model: str, said: Iterable[Mapping[str, Any]] | str, body: Mapping[str, Any], *, stream: bool
) -> dict[str, Any]:
    """The request of a completion. `said` is the messages, or the one thing that the user says."""
    messages = [{"role": "user", "content": said}] if isinstance(said, str) else [dict(each) for each in said]
    return {"model": model, "messages": messages, **body, "stream": stream}


def declared(pipeline: Any, inputs: Mapping[str, str | list[str]] | None, outputs: Mapping[str, str] | None) -> str:
    """A pipeline of dtlpipe.graph in YAML, with what it takes and shows: all that is open, unless it is said.

    An open socket is called by its name, or `component_socket` where several have it. JSON is YAML, too.
    """
    found = dict(pipeline.to_dict())
    found["inputs"] = dict(inputs) if inputs is not None else _open(pipeline.inputs())
    found["outputs"] = dict(outputs) if outputs is not None else _open(pipeline.outputs())
    return json.dumps(found)


def _open(sockets: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    names = [name for inside in sockets.values() for name in inside]
    return {
        name if names.count(name) == 1 else f"{component}_{name}": f"{component}.{name}"
        for component, inside in sockets.items()
        for name in inside
    }


def text_of(chunks: Iterable[Mapping[str, Any]]) -> str:
    """All text of a chat's chunks."""
    return "".join(
        choice.get("delta", {}).get("content") or "" for each in chunks for choice in each.get("choices", ())
    )
