"""One function or class as it was written: found in its file, cut out, and moved to another indentation.

Law: what is cut out has the same tree as what was written, or it is written anew from that tree. Strings keep their
blanks. A definition that cannot be told for certain is not guessed.
"""

from __future__ import annotations

import ast
import importlib
import linecache
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

import attrs

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_FUTURE_ANNOTATIONS = importlib.import_module("__future__").annotations.compiler_flag


class NoSource(Exception):
    """There is no text that does what the function does; the message says why."""


@attrs.frozen
class Definition:
    """A function or class: its node in the tree of its file, and what the names in it mean.

    `keeps_decorators`: the object is what the decorators made. Without it, the object is the bare function, whatever
    was written above it.
    """

    node: _Named | ast.Lambda
    lines: list[str]
    tree: ast.Module
    names: Mapping[str, Any]
    keeps_decorators: bool
    has_future_annotations: bool

    @property
    def name(self) -> str | None:
        """As it was written; None for a lambda."""
        return None if isinstance(self.node, ast.Lambda) else self.node.name

    @property
    def is_function(self) -> bool:
        """Whether it was written with `def`."""
        return isinstance(self.node, _Function)

    @property
    def is_mangled_in_classes(self) -> bool:
        """Whether it has names like `__this`, which mean something else within a class."""
        return any(each.startswith("__") and not each.endswith("__") for each in _identifiers(self.node))

    def at(self, indent: int, lambda_name: str = "run") -> str:
        """The text, indented by so many blanks. A lambda becomes a function called `lambda_name`."""
        node = self.node
        if isinstance(node, ast.Lambda):
            text = f"def {lambda_name}({ast.unparse(node.args)}):\n    return {ast.unparse(node.body)}\n"
            return _indented(text, indent)
        decorators = node.decorator_list if self.keeps_decorators else []
        first = min([node.lineno, *(each.lineno for each in decorators)])
        text = self._cut(node, first, indent)
        wanted = _without_decorators(node) if not decorators else node
        if not _is_tree_of(text, wanted, indent):
            text = _indented(ast.unparse(wanted) + "\n", indent)
        return text

    def _cut(self, node: _Named, first: int, indent: int) -> str:
        within = _lines_within_strings(node)
        written = []
        for number in range(first, (node.end_lineno or node.lineno) + 1):
            line = self.lines[number - 1]
            if number in within:
                written.append(line)
            else:
                written.append(" " * indent + _outdented(line, node.col_offset) if line.strip() else "\n")
        return "".join(written).rstrip() + "\n"


def _outdented(line: str, columns: int) -> str:
    head = line[:columns]
    return line[columns:] if not head.strip() else line.lstrip()


def _indented(text: str, indent: int) -> str:
    return "".join(" " * indent + line if line.strip() else line for line in text.splitlines(keepends=True))


def _lines_within_strings(node: ast.AST) -> set[int]:
    """The lines that begin inside a string: their first blanks are text, not indentation."""
    within: set[int] = set()
    for each in ast.walk(node):
        if isinstance(each, ast.JoinedStr) or (isinstance(each, ast.Constant) and isinstance(each.value, (str, bytes))):
            within |= set(range(each.lineno + 1, (each.end_lineno or each.lineno) + 1))
    return within


def _is_tree_of(text: str, node: _Named, indent: int) -> bool:
    try:
        block: Any = ast.parse(f"if True:\n{text}" if indent else text)
    except SyntaxError:
        return False
    body = block.body[0].body if indent else block.body
    return len(body) == 1 and ast.dump(body[0]) == ast.dump(node)


def _without_decorators(node: _Named) -> _Named:
    fields = {name: getattr(node, name) for name in node._fields}
    return ast.copy_location(type(node)(**{**fields, "decorator_list": []}), node)


def _identifiers(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield each.id
        elif isinstance(each, ast.Attribute):
            yield each.attr
        elif isinstance(each, (ast.arg, ast.keyword)):
            yield each.arg or ""
        elif isinstance(each, _Named):
            yield each.name


# -- Finding it --------------------------------------------------------------------------------------------------------


def definition_of(value: Any) -> Definition:
    """How a function (also one behind decorators that keep `__wrapped__`) or a class was written.

    Raises:
        NoSource: it was not written as either, or its text cannot be found for certain.
    """
    if isinstance(value, type):
        return _class_definition(value)
    raw, wrappers = value, 0
    while hasattr(raw, "__wrapped__") and wrappers < 64:
        raw, wrappers = raw.__wrapped__, wrappers + 1
    if not isinstance(raw, FunctionType):
        raise NoSource(f"{type(value).__name__} objects are not written as functions")
    code = raw.__code__
    if "__class__" in code.co_freevars:
        raise NoSource(f"{raw.__qualname__!r} uses the class that it was written in")
    text = _read(code.co_filename, None, code.co_qualname)
    node = _function_node(_parsed(text), code)
    if wrappers > len(getattr(node, "decorator_list", ())):
        raise NoSource(f"{raw.__qualname__!r} is wrapped by something that is not written above it")
    return Definition(
        node,
        text.splitlines(keepends=True),
        _parsed(text),
        {**raw.__globals__, **closed_over(raw)},
        keeps_decorators=wrappers > 0,
        has_future_annotations=bool(code.co_flags & _FUTURE_ANNOTATIONS),
    )


def closed_over(function: FunctionType) -> dict[str, Any]:
    """The variables of enclosing functions that a function uses, as far as they are assigned."""
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return found


def _class_definition(cls: type) -> Definition:
    methods = [each for each in vars(cls).values() if isinstance(each, FunctionType)]
    module = vars(sys.modules[cls.__module__]) if cls.__module__ in sys.modules else {}
    file = module.get("__file__") or next((each.__code__.co_filename for each in methods), None)
    if not isinstance(file, str):
        raise NoSource(f"the text of class {cls.__qualname__!r} is in no file")
    text = _read(file, module, cls.__qualname__)
    tree = _parsed(text)
    found = [node for name, node in _definitions(tree) if name == cls.__qualname__ and isinstance(node, ast.ClassDef)]
    if len(found) != 1:
        raise NoSource(f"the text of class {cls.__qualname__!r} cannot be found for certain")
    names = dict(module)
    for method in methods:
        names = {**method.__globals__, **names, **closed_over(method)}
    future = any(isinstance(each, ast.ImportFrom) and each.module == "__future__" for each in tree.body)
    return Definition(
        found[0],
        text.splitlines(keepends=True),
        tree,
        names,
        keeps_decorators=True,
        has_future_annotations=future and any(alias.name == "annotations" for alias in _future_features(tree)),
    )


def _future_features(tree: ast.Module) -> Iterator[ast.alias]:
    for each in tree.body:
        if isinstance(each, ast.ImportFrom) and each.module == "__future__":
            yield from each.names


def _definitions(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Named):
            yield prefix + child.name, child
            inside = f"{prefix}{child.name}." if isinstance(child, ast.ClassDef) else f"{prefix}{child.name}.<locals>."
            yield from _definitions(child, inside)
        else:
            yield from _definitions(child, prefix)


def _read(file: str, module_globals: dict[str, Any] | None, what: str) -> str:
    linecache.checkcache(file)
    lines = linecache.getlines(file, module_globals)
    if not lines:
        raise NoSource(f"the text of {what!r} is in no file")
    return "".join(lines)


@lru_cache(maxsize=64)
def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:  # the file was changed since it was imported
        raise NoSource(f"its file is no Python any more: {error}") from error


def _function_node(tree: ast.Module, code: CodeType) -> _Function | ast.Lambda:
    found: list[_Function | ast.Lambda] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda):
            name, line = "<lambda>", node.lineno
        elif isinstance(node, _Function):
            name, line = node.name, min([node.lineno, *(each.lineno for each in node.decorator_list)])
        else:
            continue
        if (name, line) == (code.co_name, code.co_firstlineno):
            found.append(node)
    if len(found) > 1:
        found = _innermost(found, code)
    if len(found) != 1:
        raise NoSource(f"the text of {code.co_qualname!r} cannot be found for certain")
    return found[0]


def _innermost(nodes: list[_Function | ast.Lambda], code: CodeType) -> list[_Function | ast.Lambda]:
    """Of lambdas on one line, the smallest whose body holds all places that the code itself names."""
    starts = [(line, column) for line, _, column, _ in code.co_positions() if line and column is not None]
    places = [each for each in starts if each != (code.co_firstlineno, 0)]
    around = [
        (node.body.lineno, node.body.col_offset, node)
        for node in nodes
        if isinstance(node, ast.Lambda)
        and places
        and (node.body.lineno, node.body.col_offset) <= min(places)
        and max(places) <= (node.end_lineno or 0, node.end_col_offset or 0)
    ]
    return [max(around, key=lambda each: each[:2])[2]] if around else []
