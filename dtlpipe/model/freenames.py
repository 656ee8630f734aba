"""Which names a piece of source takes from outside itself. Decided by the compiler's own symbol tables; nothing is run.

Law: source is self-contained if it has no free names.
"""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterator
from typing import Final

_GIVEN: Final = frozenset(dir(builtins)) | {
    "__annotations__",
    "__builtins__",
    "__dict__",
    "__doc__",
    "__file__",
    "__loader__",
    "__name__",
    "__package__",
    "__spec__",
}


def global_names(source: str) -> list[str]:
    """The names that the source looks up in its module, whether or not it defines them there. Builtins are left out.

    Raises:
        SyntaxError: the source is no Python.
    """
    top = symtable.symtable(source, "<source>", "exec")
    found: dict[str, None] = {}
    for table in _tables(top):
        for symbol in table.get_symbols():
            if _is_global(table, symbol) and (symbol.is_referenced() or symbol.is_declared_global()):
                found.setdefault(symbol.get_name())
    return [name for name in found if name not in _GIVEN]


def _is_global(table: symtable.SymbolTable, symbol: symtable.Symbol) -> bool:
    """As `symbol.is_global()`, which takes whatever is called `top`, also a function, for the module."""
    if table.get_type() == "module":
        return symbol.is_global()
    bound = symbol.is_parameter() or symbol.is_assigned() or symbol.is_imported()
    return symbol.is_declared_global() or (symbol.is_global() and not bound)


def bound_names(source: str) -> frozenset[str]:
    """The names that the source defines in its module, by assignment, import, definition or `global`."""
    top = symtable.symtable(source, "<source>", "exec")
    found = {each.get_name() for each in top.get_symbols() if each.is_assigned() or each.is_imported()}
    for table in _tables(top):
        found |= {each.get_name() for each in table.get_symbols() if each.is_declared_global() and each.is_assigned()}
    return frozenset(found)


def free_names(source: str) -> dict[str, int]:
    """The names that the source uses and nobody defines, each with the line of its first use, in that order.

    Source with `from module import *` may take any name from there, so nothing in it counts as free.

    Raises:
        SyntaxError: the source is no Python.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return {}
    bound = bound_names(source)
    free = {name for name in global_names(source) if name not in bound}
    lines: dict[str, int] = dict.fromkeys(free, 0)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in free and (not lines[node.id] or node.lineno < lines[node.id]):
            lines[node.id] = node.lineno
    return dict(sorted(lines.items(), key=lambda each: (each[1], each[0])))


def imported_modules(source: str) -> set[str]:
    """The dotted names of all modules that the source imports, at any depth."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)
