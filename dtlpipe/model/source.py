"""A function as source that stands on its own: its text in `class ServiceRunner`, and before it whatever it uses.

Law: the text does what the function does, or there is no text. Names that the function takes from outside are written
above it (imports, plain constants, the user's own functions and classes, in turn with theirs); a name that cannot be
written is left free and named in `missing`, so that nobody runs the text in good faith.
"""

from __future__ import annotations

import ast
import keyword
import logging
import math
import pathlib
import re
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

import attrs

from dtlpipe.model.definition import Definition, NoSource, definition_of
from dtlpipe.model.freenames import global_names
from dtlpipe.model.origin import SDKS, is_installed

HEADER: Final = "import dtlpy as dl\n"
RUNNER: Final = "ServiceRunner"
CONSTANT_LIMIT: Final = 16 * 1024
"""Characters of one constant that is written out; longer ones are data, not code."""


@attrs.frozen
class Source:
    """`missing` maps each name that the code uses and does not define to the reason."""

    code: str
    missing: Mapping[str, str] = attrs.field(factory=dict)


def source_of(function: Callable[..., Any], name: str) -> Source:
    """The text of a module: `class ServiceRunner(dl.BaseServiceRunner)` with the function as its static method `name`.

    Raises:
        NoSource: the function was not written down as a function (a builtin, a bound method, ...), or its text cannot
            be found, or two of the things that it uses have the same name.
    """
    definition = definition_of(function)
    module = _Module(future=definition.has_future_annotations)
    own_name = definition.name or name
    module.reserve(own_name, function)
    module.write_needs_of(definition)
    if definition.is_function and own_name == name and not definition.is_mangled_in_classes:
        method = f"    @staticmethod\n{definition.at(4)}"
        calls_itself = name in global_names(definition.at(0)) or module.is_needed(name)
        return module.finished(method, f"\n\n{name} = {RUNNER}.{name}\n" if calls_itself else "")
    module.parts.append(definition.at(0, lambda_name=name))
    return module.finished(f"    {name} = staticmethod({own_name})\n")


class _Module:
    """The module that is being written: what it defines so far, and what could not be written."""

    def __init__(self, *, future: bool) -> None:
        self.future = future
        self.imports: set[str] = set()
        self.constants: list[str] = []
        self.parts: list[str] = []
        self.missing: dict[str, str] = {}
        self._bound: dict[str, Any] = {RUNNER: self}
        self._needed: set[str] = set()

    def finished(self, method: str, tail: str = "") -> Source:
        code = "".join(
            (
                "from __future__ import annotations\n\n" if self.future else "",
                HEADER,
                *sorted(self.imports),
                *(f"\n{line}" for line in self.constants[:1]),
                *self.constants[1:],
                *(f"\n\n{part}" for part in self.parts),
                f"\n\nclass {RUNNER}(dl.BaseServiceRunner):\n{method}{tail}",
            )
        )
        ast.parse(code)
        return Source(code, dict(self.missing))

    def reserve(self, name: str, value: Any) -> bool:
        """Takes a name for a value; False if it has it already.

        Raises:
            NoSource: the name stands for something else.
        """
        if not name.isidentifier() or keyword.iskeyword(name):
            raise NoSource(f"{name!r} cannot be a name")
        if name == "dl" and not (isinstance(value, ModuleType) and value.__name__ in SDKS):
            raise NoSource("the name 'dl' belongs to the SDK in shipped source")
        if name not in self._bound:
            self._bound[name] = value
            return True
        known = self._bound[name]
        if known is value or (
            not callable(value) and type(known) is type(value) and _constant(known) == _constant(value) is not None
        ):
            return False
        raise NoSource(f"two different things are called {name!r}")

    def is_needed(self, name: str) -> bool:
        """Whether something that was written above uses the name."""
        return name in self._needed

    def write_needs_of(self, definition: Definition) -> None:
        """Writes what a definition takes from outside."""
        snippet = definition.at(0)
        try:
            names = global_names(snippet)
        except SyntaxError as error:  # `nonlocal` without the function around it
            raise NoSource(f"it cannot be taken out of the function that it was written in: {error.msg}") from error
        for name in names:
            if name == definition.name:
                continue
            self._needed.add(name)
            if name not in definition.names:
                self.missing[name] = "it is defined nowhere"
            elif self.reserve(name, definition.names[name]):
                self._write(name, definition.names[name], definition.tree, snippet)

    def _write(self, name: str, value: Any, tree: ast.Module, snippet: str) -> None:
        if name == "dl":  # the header has it
            return
        line = _own_import(name, value, tree)
        if line is not None:
            self.imports.add(line)
        elif isinstance(value, ModuleType):
            self._write_module(name, value, snippet)
        elif (constant := _constant(value)) is not None:
            self._write_constant(name, *constant)
        elif callable(value):
            self._write_callable(name, value)
        else:
            self.missing[name] = f"its value is a {type(value).__name__}, which cannot be written as source"

    def _write_module(self, name: str, value: ModuleType, snippet: str) -> None:
        if not is_installed(value.__name__):
            self.missing[name] = f"module {value.__name__!r} is no installed package"
        elif value.__name__ == name:
            self.imports |= {f"import {each}\n" for each in {name, *_submodules(name, snippet)}}
        else:
            self.imports.add(f"import {value.__name__} as {name}\n")

    def _write_constant(self, name: str, expression: str, module: str | None) -> None:
        if module is not None:
            self.reserve(module, sys.modules[module])
            self.imports.add(f"import {module}\n")
        self.constants.append(f"{name} = {expression}\n")

    def _write_callable(self, name: str, value: Any) -> None:
        home, qualname = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
        if isinstance(home, str) and is_installed(home) and "." not in qualname and _attribute(home, qualname) is value:
            self.imports.add(f"from {home} import {qualname}{'' if qualname == name else f' as {name}'}\n")
            return
        try:
            definition = definition_of(value)
        except NoSource as error:
            self.missing[name] = str(error)
            return
        if definition.has_future_annotations and not self.future:
            self.missing[name] = "its module has `from __future__ import annotations` and the function's has not"
            return
        own_name = definition.name or name
        if own_name != name:
            self.reserve(own_name, value)
        self.write_needs_of(definition)
        self.parts.append(definition.at(0, lambda_name=name))
        if own_name != name:
            self.parts.append(f"{name} = {own_name}\n")


def _attribute(module: str, name: str) -> Any:
    return getattr(sys.modules.get(module), name, None) if name else None


def _own_import(name: str, value: Any, tree: ast.Module) -> str | None:
    """The user's own import of this name from an installed module, if that is what the name still means."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or node.level or not node.module or not is_installed(node.module):
            continue
        for alias in node.names:
            if (alias.asname or alias.name) != name:
                continue
            found = getattr(sys.modules.get(node.module), alias.name, sys.modules.get(f"{node.module}.{alias.name}"))
            if found is value and node.module != "__future__":
                return f"from {node.module} import {alias.name}{f' as {name}' if alias.asname else ''}\n"
    return None


def _submodules(root: str, snippet: str) -> set[str]:
    """`a.b` where the text says `a.b.c` and `a.b` is a module: importing `a` alone need not bring it."""
    found = set()
    for node in ast.walk(ast.parse(snippet)):
        steps: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            steps.insert(0, inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name) or inner.id != root:
            continue
        for depth in range(1, len(steps) + 1):
            dotted = ".".join([root, *steps[:depth]])
            if getattr(sys.modules.get(dotted), "__name__", None) == dotted:
                found.add(dotted)
    return found


def _constant(value: Any) -> tuple[str, str | None] | None:
    """The value as an expression and the module that it takes, or None."""
    if type(value) is float and not math.isfinite(value):
        return f"float({str(value)!r})", None
    if _is_literal(value):
        text = repr(value)
        return (text, None) if len(text) <= CONSTANT_LIMIT else None
    if isinstance(value, re.Pattern):
        return f"re.compile({value.pattern!r}, {value.flags & ~re.UNICODE.value})", "re"
    if type(value) is logging.Logger:
        return f"logging.getLogger({value.name!r})", "logging"
    if isinstance(value, pathlib.PurePath):
        return f"pathlib.{type(value).__name__}({str(value)!r})", "pathlib"
    return None


def _is_literal(value: Any, depth: int = 0) -> bool:
    """Whether `repr` gives an expression of the same value."""
    if value is None or type(value) in (bool, int, str, bytes):
        return True
    if type(value) is float:
        return math.isfinite(value)
    if depth > 20:  # too deep to be code, or holding itself
        return False
    if type(value) in (list, tuple):
        return all(_is_literal(each, depth + 1) for each in value)
    if type(value) is set:
        return bool(value) and all(_is_literal(each, depth + 1) for each in value)
    if type(value) is dict:
        return all(_is_literal(each, depth + 1) for pair in value.items() for each in pair)
    return False
