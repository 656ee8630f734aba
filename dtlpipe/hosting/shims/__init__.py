"""Light stand-ins for packages that wrappers import and that may not be installed: hayhooks, Haystack, FastAPI.

Law: the real ones go first. A stand-in answers only for a package that nothing else answers for, and only in a process
that hosts wrappers; it has the names that wrappers use, over what is ours.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Final

_HERE: Final = "dtlpipe.hosting.shims"

#: For each name that may be imported, the modules of ours whose public names it has. None of them: an empty package.
STAND_INS: Final[dict[str, tuple[str, ...]]] = {
    "hayhooks": ("hayhooks_names", "messages", "streaming", "events", "durable_names"),
    "hayhooks.durable": ("durable_names",),
    "hayhooks.durable.context": ("durable_names",),
    "hayhooks.callbacks": ("events",),
    "hayhooks.events": ("events",),
    "hayhooks.open_webui": ("events",),
    "hayhooks.chainlit_events": ("events",),
    "hayhooks.server": (),
    "hayhooks.server.logger": ("hayhooks_names",),
    "hayhooks.server.pipelines": ("hayhooks_names", "messages", "streaming"),
    "hayhooks.server.pipelines.sse": ("hayhooks_names",),
    "hayhooks.server.pipelines.utils": ("messages", "streaming"),
    "hayhooks.server.utils": (),
    "hayhooks.server.utils.base_pipeline_wrapper": ("hayhooks_names",),
    "fastapi": ("fastapi_names",),
    "fastapi.responses": ("fastapi_names",),
    "starlette": (),
    "starlette.datastructures": ("fastapi_names",),
    "starlette.responses": ("fastapi_names",),
    "haystack": ("haystack_names",),
    "haystack.components": ("haystack_names",),
    "haystack.components.builders": ("haystack_names",),
    "haystack.components.builders.prompt_builder": ("haystack_names",),
    "haystack.components.generators": (),
    "haystack.components.generators.chat": (),
    "haystack.components.generators.chat.openai": (),
    "haystack.core": (),
    "haystack.core.component": ("haystack_names",),
    "haystack.core.pipeline": ("haystack_names",),
    "haystack.dataclasses": ("chat_messages",),
    "haystack.dataclasses.chat_message": ("chat_messages",),
    "haystack.dataclasses.streaming_chunk": ("chat_messages",),
    "haystack.tools": ("chat_tools",),
    "haystack.utils": ("secret_names",),
    "haystack.utils.auth": ("secret_names",),
}


#: Names that are had from a module of ours only once somebody asks for them, as it loads much more than itself.
LATER: Final[dict[str, dict[str, str]]] = {
    "hayhooks": {"Pipeline": "haystack_pipelines", "AsyncPipeline": "haystack_pipelines"},
    "haystack.components": {"OpenAIChatGenerator": "chat_generators"},
    "haystack.components.generators.chat": {"OpenAIChatGenerator": "chat_generators"},
    "haystack.components.generators.chat.openai": {"OpenAIChatGenerator": "chat_generators"},
}
#: What is loaded with a stand-in, as others look for it among the modules that are.
_WITH: Final = {"haystack": "haystack.dataclasses.chat_message"}


class _Loader(importlib.abc.Loader):
    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__doc__ = "A stand-in of dtlpipe's: the real package is not installed."
        for name in STAND_INS[module.__name__]:
            source = import_module(f"{_HERE}.{name}")
            for public in source.__all__:
                setattr(module, public, getattr(source, public))
        later = LATER.get(module.__name__)
        if later:
            module.__dict__["__getattr__"] = partial(_had_later, module, later)
            module.__dict__["__all__"] = [*(name for name in vars(module) if not name.startswith("_")), *later]
        if module.__name__ in _WITH:
            import_module(_WITH[module.__name__])


def _had_later(module: ModuleType, later: Mapping[str, str], name: str) -> object:
    if name not in later:
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{_HERE}.{later[name]}"), name)
    setattr(module, name, found)
    return found


class _Finder(importlib.abc.MetaPathFinder):
    """Asked when nobody else knows the name."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in STAND_INS:
            return None
        parent = sys.modules.get(fullname.partition(".")[0])
        if "." in fullname and not isinstance(getattr(parent, "__loader__", None), _Loader):
            return None  # a module that the real package does not have is not ours to make up
        return importlib.machinery.ModuleSpec(fullname, _Loader(), is_package=True)


class _FlatComponents(importlib.abc.MetaPathFinder):
    """Lets `from haystack.components import PromptBuilder` find what lies one folder deeper."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "haystack.components":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                flatten(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


#: Where components are that people import from `haystack.components` itself.
_FLAT: Final = (
    "builders",
    "generators.chat",
    "generators",
    "retrievers",
    "embedders",
    "converters",
    "joiners",
    "routers",
)


def flatten(module: ModuleType) -> None:
    """Give Haystack's package of packages the components themselves as attributes."""

    def find(name: str) -> object:
        if not name.startswith("_") and name[:1].isupper():
            for each in _FLAT:
                try:
                    found = getattr(import_module(f"haystack.components.{each}"), name, None)
                except ImportError:
                    continue
                if found is not None:
                    return found
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

    if not hasattr(module, "__getattr__"):
        module.__dict__["__getattr__"] = find


def install() -> None:
    """Answer for what is not installed, from now on and in this process."""
    if any(isinstance(each, _Finder) for each in sys.meta_path):
        return
    sys.meta_path.append(_Finder())
    loaded = sys.modules.get("haystack.components")
    if loaded is None:
        sys.meta_path.insert(0, _FlatComponents())
    else:
        flatten(loaded)
