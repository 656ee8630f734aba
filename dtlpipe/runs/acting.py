"""Runs one action in a node's own process: finds it, validates its parameters, calls it, lays its result over them.

Law: what an action raises is its own story and goes on as it is; what it returns is a model, a dict, or nothing that
the next action could use. Modules from code roots are forgotten afterwards, so that the next run sees what was changed.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dtlpipe.runs.context import RunContext
from dtlpipe.runtime.failures import NodeFailure


def act(params: Any, action: Any, context: Any) -> tuple[dict[str, Any], Any, str | None]:
    """The parameters for the next action, the result, and where the artifacts are."""
    given: dict[str, Any] = dict(params or {})
    folder = Path(action.get("work_dir") or ".").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    ctx = RunContext(given, action, context.progress, folder)
    with _importing(action.get("roots") or ()):
        thing = _find(action)
        try:
            result = _call(thing, given, ctx)
        finally:
            ctx.flush()
        _check(result, thing, ctx)
        plain = _plain(result)
        merged = {**given, **plain} if plain is not None else given
    return merged, plain, _artifacts(ctx)


@contextmanager
def _importing(roots: Any) -> Iterator[None]:
    """The roots come first where modules are looked for; what was imported from them is forgotten at the end."""
    folders = [str(Path(each).resolve()) for each in roots]
    _use_shim()
    sys.path[:0] = folders
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[: len(folders)] = []
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
            if isinstance(file, str) and any(_within(file, each) for each in folders):
                del sys.modules[name]


def _within(file: str, folder: str) -> bool:
    return file.startswith(f"{folder}/") and "/site-packages/" not in file[len(folder) :]


def _use_shim() -> None:
    """Where the original SDK is not installed, its names for actions mean ours."""
    if importlib.util.find_spec("synapse_sdk") is None:
        from dtlpipe.runs.synapse_sdk import install

        install()


def _find(action: Mapping[str, Any]) -> Any:
    code = action.get("code")
    name = action["name"]
    if code:
        from dtlpipe.runtime.loading import PYTHON

        if code.get("python") != PYTHON:
            raise _refusal(f"action {name!r} was made by Python {code.get('python')}; this is Python {PYTHON}")
        import base64

        import cloudpickle

        thing = cloudpickle.loads(base64.b64decode(code["pickle"]))
    else:
        thing = _imported(name, action.get("entrypoint") or "")
    if inspect.isclass(thing):
        if not callable(getattr(thing, "run", None)) and not callable(getattr(thing, "execute", None)):
            raise _refusal(f"{action.get('entrypoint')!r} is no action: its class has neither run() nor execute()")
    elif not callable(thing) or inspect.ismodule(thing):
        raise _refusal(f"{action.get('entrypoint')!r} is no action: it is a {type(thing).__name__}")
    return thing


def _imported(name: str, entrypoint: str) -> Any:
    module, _, attribute = entrypoint.replace(":", ".").rpartition(".")
    if not module:
        raise _refusal(f"action {name!r} has the entrypoint {entrypoint!r}, which is not like pkg.module.Class")
    try:
        found = importlib.import_module(module)
    except Exception as error:
        text = f"action {name!r}: {entrypoint!r} cannot be imported: {type(error).__name__}: {error}"
        raise _refusal(text) from error
    if not hasattr(found, attribute):
        raise _refusal(f"action {name!r}: module {module!r} has no {attribute!r}")
    return getattr(found, attribute)


def _refusal(text: str) -> NodeFailure:
    return NodeFailure("code", text, kind="EntrypointError", hint="mend the entrypoint, or the code that it names")


def _call(thing: Any, given: dict[str, Any], ctx: RunContext) -> Any:
    model = getattr(thing, "params_model", None) or getattr(thing, "_action_params", None)
    params: Any = given if model is None else model.model_validate(given, context={"client": None})
    if inspect.isclass(thing):
        made: Any = thing(params, ctx)  # type: ignore[call-arg]
        result = made.run() if callable(getattr(made, "run", None)) else made.execute()
    else:
        result = thing(params, ctx)
    if inspect.iscoroutine(result):
        import asyncio

        result = asyncio.run(result)
    return result


def _check(result: Any, thing: Any, ctx: RunContext) -> None:
    """A result that does not fit its model is what it is: the original warns of it, and goes on."""
    model = getattr(thing, "result_model", None) or getattr(thing, "_action_result", None)
    if isinstance(result, Mapping) and inspect.isclass(model) and hasattr(model, "model_validate"):
        try:
            model.model_validate(result)
        except ValueError as error:
            ctx.logger.warning("the result does not fit %s: %s", model.__name__, error)


def _plain(result: Any) -> dict[str, Any] | None:
    """The result as JSON data; None for what the next action could not use."""
    if hasattr(result, "model_dump"):
        found: dict[str, Any] = result.model_dump(mode="json")
        return found
    if isinstance(result, Mapping):
        return {str(key): str(value) if isinstance(value, Path) else value for key, value in result.items()}
    return None


def _artifacts(ctx: RunContext) -> str | None:
    if ctx.artifacts_path is not None:
        return str(ctx.artifacts_path)
    own = ctx.work_dir / "actions" / ctx.action_name.replace("/", "_")
    return str(own) if own.is_dir() and any(own.iterdir()) else None
