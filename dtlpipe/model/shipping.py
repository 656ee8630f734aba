"""How a function travels to the platform: as source for people to read, and as a pickle that keeps all it closes over.

`ship` makes the wire data of a code node's `config.package`; `check` is the platform's half, which refuses at creation
what could not run later. Law: `check` reads and never executes; only a worker of the same Python loads a pickle.
"""

from __future__ import annotations

import ast
import base64
import binascii
import hashlib
import inspect
import keyword
import platform
from collections.abc import Callable, Mapping
from types import FunctionType, MethodType
from typing import Any, Final

import attrs

from dtlpipe.errors import BadRequest, CodeNotShippable
from dtlpipe.model.definition import NoSource
from dtlpipe.model.freenames import free_names, imported_modules
from dtlpipe.model.origin import requirements
from dtlpipe.model.pickling import by_value
from dtlpipe.model.source import RUNNER, source_of

PYTHON: Final = ".".join(platform.python_version_tuple()[:2])
"""The Python that runs this: "3.11". A pickle of code is good for this one alone."""


@attrs.frozen(kw_only=True)
class Shipped:
    """A function, packed.

    Attributes:
        code: source of a module with `class ServiceRunner`, or None if the function has none that does the same.
        pickle: base64 of a pickle by value, for `python` alone.
        requirements: the installed distributions that the code imports, as `name==version`.
        missing: why the source alone would not do: names that it uses and does not define, each with the reason. The
            key "" stands for the whole when there is no source. Empty if the source runs anywhere.
    """

    name: str
    code: str | None
    pickle: str
    python: str = PYTHON
    class_name: str = RUNNER
    requirements: list[str] = attrs.field(factory=list)
    missing: Mapping[str, str] = attrs.field(factory=dict)

    def to_wire(self) -> dict[str, Any]:
        """The data of `config.package`: the field's own keys (code, name, type) and ours."""
        package: dict[str, Any] = {
            "name": self.name,
            "type": "code",
            "className": self.class_name,
            "python": self.python,
            "pickle": self.pickle,
            "requirements": list(self.requirements),
        }
        if self.code is not None:
            package["code"] = self.code
        package["hash"] = digest(package)
        return package


def digest(package: Mapping[str, Any]) -> str:
    """SHA-256 of all that decides what the package does: workers keep loaded code under it."""
    parts = (str(package.get(key) or "") for key in ("name", "className", "python", "code", "pickle"))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def ship(function: Callable[..., Any], name: str | None = None) -> Shipped:
    """Packs a function. `name` is what the platform calls it; the function's own by default, `run` if it has none.

    Raises:
        CodeNotShippable: it is no function, or something that it needs lives in this process alone; the message names
            the variable and its type.
    """
    name = name or function_name(function)
    _must_be_callable(function, name)
    if not name.isidentifier() or keyword.iskeyword(name):
        raise CodeNotShippable(f"{name!r} cannot be a function's name", hint="give a Python identifier as name")
    pickled = base64.b64encode(by_value(function, name)).decode()
    try:
        source = source_of(function, name)
    except NoSource as error:
        return Shipped(name=name, code=None, pickle=pickled, missing={"": str(error)})
    return Shipped(
        name=name,
        code=source.code,
        pickle=pickled,
        requirements=requirements(imported_modules(source.code)),
        missing=source.missing,
    )


def function_name(function: Any) -> str:
    """The name that a function goes by on the platform: its own, or `run` for lambdas and callable objects."""
    name = getattr(function, "__name__", "run")
    return name if isinstance(name, str) and name.isidentifier() else "run"


def _must_be_callable(function: Any, name: str) -> None:
    if isinstance(function, type):
        raise CodeNotShippable(
            f"class {name!r} is no function", hint=f"give a function, or a method of an object: {name}().run"
        )
    if not callable(function):
        raise CodeNotShippable(f"a node runs a function, and {function!r} is a {type(function).__name__}")
    raw = inspect.unwrap(function)
    first = (
        next(iter(raw.__code__.co_varnames[: raw.__code__.co_argcount]), None)
        if isinstance(raw, FunctionType)
        else None
    )
    if first == "self" and not isinstance(function, MethodType) and _is_written_in_class(raw.__qualname__):
        owner = raw.__qualname__.rpartition(".")[0].rpartition(".")[2]
        raise CodeNotShippable(
            f"{raw.__qualname__!r} is a method without its object, so nothing could be its 'self'",
            hint=f"give the method of an object, {owner}(...).{raw.__name__}, or make it a function",
        )


def _is_written_in_class(qualname: str) -> bool:
    owner = qualname.rpartition(".")[0]
    return bool(owner) and not owner.endswith("<locals>")


# -- The platform's half -----------------------------------------------------------------------------------------------


def check(package: Mapping[str, Any], python: str = PYTHON) -> None:
    """Refuses a package that could not run on a platform with this Python ("3.11"). Runs and unpickles nothing.

    Raises:
        BadRequest: with the reason, and what to do, in the hint.
    """
    code, pickled, name = package.get("code"), package.get("pickle"), package.get("name")
    for key in ("code", "pickle", "name", "python", "className", "hash"):
        if not isinstance(package.get(key), (str, type(None))):
            raise BadRequest(f"the code package's {key!r} is a {type(package[key]).__name__}; it takes a text")
    if not name:
        raise BadRequest("the code package names no function", hint="set its 'name' to the function to call")
    if not code and not pickled:
        raise BadRequest(f"the code package of {name!r} is empty: it has neither 'code' nor 'pickle'")
    if package.get("hash") and package["hash"] != digest(package):
        raise BadRequest(
            f"the code package of {name!r} was changed after it was made: its hash is not that of its content",
            hint="make the node again from its function, or leave the hash out",
        )
    if pickled:
        _check_pickle(pickled, name)
    tree = _parsed(code, name) if code else None
    if tree is not None:
        _check_defined(tree, name, package.get("className"))
    if pickled and package.get("python") == python:
        return
    free = free_names(code) if code else {}
    if code and not free:
        return
    _refuse(name, free, package.get("python") if pickled else None, python)


def _check_pickle(pickled: str, name: str) -> None:
    try:
        head = base64.b64decode(pickled, validate=True)[:2]
    except binascii.Error as error:
        raise BadRequest(f"the pickle of {name!r} is not base64: {error}") from None
    if head[:1] != b"\x80":
        raise BadRequest(f"the pickle of {name!r} does not begin as a pickle does")


def _parsed(code: str, name: str) -> ast.Module:
    try:
        tree = ast.parse(code)
        compile(code, f"<{name}>", "exec", dont_inherit=True)  # finds what the grammar allows and the compiler does not
    except SyntaxError as error:
        where = f" (line {error.lineno}: {(error.text or '').strip()})" if error.lineno else ""
        raise BadRequest(f"the source of {name!r} is no valid Python: {error.msg}{where}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise BadRequest(f"the source of {name!r} cannot be read: {type(error).__name__}: {error}") from None
    return tree


def _check_defined(tree: ast.Module, name: str, class_name: str | None) -> None:
    """The function must be in the class, or in some class, or in the module: where workers look for it."""
    if any(isinstance(each, ast.ImportFrom) and any(alias.name == "*" for alias in each.names) for each in tree.body):
        return
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    named = [node for node in classes if node.name == class_name]
    if any(_may_inherit(node) for node in named or classes):
        return
    known = {each for place in (tree, *(named or classes)) for each in _defined_in(place)}
    if name not in known:
        there = ", ".join(sorted(each for each in known if not each.startswith("_"))) or "nothing"
        raise BadRequest(
            f"the source has no function {name!r}",
            hint=f"it defines {there}; set the package's 'name' to the function to call",
        )


def _may_inherit(node: ast.ClassDef) -> bool:
    """Whether the function may come from a base class; the SDK's own has no functions of the user's."""
    return any(ast.unparse(base).rpartition(".")[2] not in ("BaseServiceRunner", "object") for base in node.bases)


def _defined_in(place: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.iter_child_nodes(place):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)}
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, (ast.If, ast.Try, ast.With, ast.For, ast.While, ast.ExceptHandler)):
            found |= _defined_in(node)
    return found


def _refuse(name: str, free: Mapping[str, int], pickled_by: str | None, python: str) -> None:
    names = ", ".join(f"{each!r} (line {line})" if line else repr(each) for each, line in free.items())
    if pickled_by is not None:
        why = f"its source uses {names}, which it does not define" if free else "it has no source beside the pickle"
        raise BadRequest(
            f"function {name!r} was pickled by Python {pickled_by}, this platform runs {python}, and {why}",
            hint=f"create the node with Python {python}, or make the function self-contained",
        )
    raise BadRequest(
        f"the source of function {name!r} uses {names}, which it does not define",
        hint="import or define it inside the function",
    )
