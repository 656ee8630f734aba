"""A pipeline in YAML as a wrapper: its declared inputs are the parameters, its declared outputs the components to show.

Law: the engine reads it, against its allow-list of modules; whatever is refused is told with the line it stands in.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from dtlpipe.graph import Pipeline
from dtlpipe.hosting import chunks
from dtlpipe.hosting.loading import LoadError
from dtlpipe.hosting.shims.messages import get_last_user_message
from dtlpipe.integrations import yaml as yaml_reader

_QUOTED: Final = re.compile(r"'([^']+)'")
_LINE: Final = re.compile(r"\(line (\d+)")


def yaml_wrapper(folder: Path) -> type:
    """A wrapper class for the one YAML file of this folder. Raises LoadError."""
    path = next(each for each in folder.iterdir() if each.is_file())
    text = path.read_text(encoding="utf-8")
    document, pipeline = _read(text, path.name)
    inputs, outputs = document.get("inputs") or {}, document.get("outputs") or {}
    if not inputs and not outputs:
        raise LoadError("YAML pipeline must declare at least one of 'inputs' or 'outputs'.", file=path.name)
    targets = {key: _targets(key, value, text, path.name) for key, value in _mapping(inputs, "inputs", path).items()}
    shown = {_targets(key, value, text, path.name)[0][0] for key, value in _mapping(outputs, "outputs", path).items()}
    types = _types(pipeline, targets, text, path.name)
    for component in shown:
        if component not in dict(pipeline.walk()):
            raise _refused(
                f"an output names the component '{component}', which there is not", component, text, path.name
            )
    description = str(document.get("description") or "")

    async def run_api_async(self: Any, **given: Any) -> dict[str, Any]:
        data: dict[str, dict[str, Any]] = {}
        for key, value in given.items():
            for component, socket in targets[key]:
                data.setdefault(component, {})[socket] = value
        found: dict[str, Any] = await self.pipeline.run_async(data, include_outputs_from=shown or None)
        return found

    parameters = [
        inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
        *(inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, annotation=types[key]) for key in targets),
    ]
    run_api_async.__dict__["__signature__"] = inspect.Signature(parameters, return_annotation=dict[str, Any])
    run_api_async.__doc__ = description

    def setup(self: Any) -> None:
        self.pipeline = pipeline

    members: dict[str, Any] = {"setup": setup, "run_api_async": run_api_async, "__doc__": description}
    asked = _asked(types)
    if asked is not None:

        async def run_chat_completion_async(self: Any, _model: str, messages: list[Any], _body: Any) -> str:
            return _said(await run_api_async(self, **{asked: get_last_user_message(messages) or ""}), document)

        members["run_chat_completion_async"] = run_chat_completion_async
    return type("PipelineWrapper", (), members)


def _asked(types: Mapping[str, Any]) -> str | None:
    """The input that a user's words are for: the only one, if it takes a text."""
    name, kind = next(iter(types.items()), ("", None))
    return name if len(types) == 1 and kind in (str, Any) else None


def _said(found: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """The first declared output that says something, as text."""
    for path in (document.get("outputs") or {}).values():
        component, _, socket = path.partition(".")
        value = (found.get(component) or {}).get(socket)
        values = value if isinstance(value, list) else [value]
        text = "".join(chunks.text_of(each) for each in values)
        if text:
            return text
    return chunks.dumps(found).decode()


def _read(text: str, file: str) -> tuple[Mapping[str, Any], Pipeline]:
    try:
        document = yaml_reader.load(text)
        if not isinstance(document, Mapping):
            raise LoadError(f"{file} is not a mapping with `components` and `connections`", file=file, line=1)
        _check_sections(document, file)
        return document, Pipeline.loads(text)
    except LoadError:
        raise
    except Exception as error:  # components of users raise what they like
        raise _refused(f"{type(error).__name__}: {error}", _suspect(str(error), text), text, file) from error


def _check_sections(document: Mapping[str, Any], file: str) -> None:
    if not isinstance(document.get("components"), Mapping) or not document["components"]:
        raise LoadError(f"{file} has no `components`: a mapping from names to types is needed", file=file, line=1)


def _suspect(message: str, text: str) -> str | None:
    """The word of an error's message that stands in the text."""
    words = sorted(_QUOTED.findall(message), key=len, reverse=True)
    return next((word for word in words if word in text), None)


def _refused(message: str, word: str | None, text: str, file: str, *, declared: bool = False) -> LoadError:
    """`word` is what stands in the line; with `declared`, it is a name below `inputs` or `outputs`."""
    told = _LINE.search(message)
    line = int(told.group(1)) if told else None
    reached = not declared
    for number, each in enumerate(text.splitlines(), 1):
        reached = reached or each.startswith(("inputs:", "outputs:"))
        if (
            line is None
            and word is not None
            and reached
            and (each.strip().startswith(word) if declared else word in each)
        ):
            line = number
    where = f" ({file}, line {line})" if line is not None else f" ({file})"
    return LoadError(f"Failed to load pipeline from YAML: {message}{where}", file=file, line=line)


def _mapping(given: Any, section: str, path: Path) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise LoadError(f"`{section}` of {path.name} is not a mapping from names to `component.socket`", file=path.name)
    return given


def _targets(key: str, value: Any, text: str, file: str) -> list[tuple[str, str]]:
    """The sockets that a declared name stands for."""
    paths = value if isinstance(value, list) else [value]
    found = []
    for each in paths:
        component, dot, socket = each.partition(".") if isinstance(each, str) else ("", "", "")
        if not dot or not component or not socket:
            raise _refused(f"'{key}' must name `component.socket`, not {each!r}", str(key), text, file, declared=True)
        found.append((component, socket))
    if not found:
        raise _refused(f"'{key}' names no socket", str(key), text, file, declared=True)
    return found


def _types(pipeline: Pipeline, targets: Mapping[str, list[tuple[str, str]]], text: str, file: str) -> dict[str, Any]:
    sockets = pipeline.inputs(include_components_with_connected_inputs=True)
    owners: dict[tuple[str, str], str] = {}
    types: dict[str, Any] = {}
    for key, found in targets.items():
        for component, socket in found:
            if socket not in sockets.get(component, {}):
                raise _refused(
                    f"input '{key}' names '{component}.{socket}', which takes nothing", key, text, file, declared=True
                )
            if owners.setdefault((component, socket), key) != key:
                owner = owners[component, socket]
                raise _refused(
                    f"'{component}.{socket}' is the target of both '{owner}' and '{key}'",
                    key,
                    text,
                    file,
                    declared=True,
                )
        component, socket = found[0]
        types[key] = sockets[component][socket].get("type", Any)
    return types
