"""Free names are found as the compiler finds them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtlpipe.model.freenames import free_names, imported_modules

CASES = {
    "def f(a): return a": [],
    "def f(a): return b": ["b"],
    "def f(a=b): return a": ["b"],
    "@b\ndef f(): pass": ["b"],
    "def f(a: b): pass": ["b"],
    "from __future__ import annotations\ndef f(a: b) -> c: pass": [],
    "class A(b): pass": ["b"],
    "import b.c\ndef f(): return b.c.d": [],
    "import b as c\ndef f(): return b": ["b"],
    "from b import c\ndef f(): return c": [],
    "def f():\n    import b\n    return b": [],
    "def f():\n    def g(): return h()\n    def h(): return 1\n    return g": [],
    "def f(): return [a for a in b]": ["b"],
    "def f(): return (lambda x: x + y)(1)": ["y"],
    "def f():\n    global b\n    b = 1\ndef g(): return b": [],
    "def f():\n    try: pass\n    except b as e: return e": ["b"],
    "def f():\n    with a() as b: return b": ["a"],
    "def f(): return (b := 1) + b": [],
    "def f(): print(len(__name__), __file__)": [],
    "class A:\n    x = 1\n    def f(self): return x": ["x"],
    "class A:\n    def f(self): return super().f(), __class__": [],
    "match a:\n    case [b, *c]: d = b": ["a"],
    "def f(): return f'{a} {b!r:{c}}'": ["a", "b", "c"],
    "from b import *\ndef f(): return anything": [],
    "async def f():\n    async for a in b: await a": ["b"],
    "def f(): del a": [],
    "def top(a):\n    import c\n    d = a\n    return a, b, c, d": ["b"],
    "class top:\n    x = 1\n    def f(self): return x": ["x"],
    "def top():\n    global b\n    b = 1\ndef g(): return b": [],
}


@pytest.mark.parametrize("source", CASES)
def test_free_names_are_those_that_nobody_defines(source):
    assert sorted(free_names(source)) == CASES[source]


def test_each_free_name_comes_with_the_line_of_its_first_use_in_order():
    assert list(free_names("def f():\n    return b + a\n\ndef g(): return a + c\n").items()) == [
        ("a", 2),
        ("b", 2),
        ("c", 4),
    ]


def test_imports_are_found_at_any_depth():
    source = "import a.b\ndef f():\n    from c.d import e\n    from . import g\n"
    assert imported_modules(source) == {"a.b", "c.d"}


NAMES = st.sampled_from(["a", "b", "c", "d", "e"])


@given(st.lists(NAMES, max_size=4), st.lists(NAMES, max_size=4), st.lists(NAMES, max_size=4))
def test_running_source_without_free_names_raises_no_name_error(bound, parameters, used):
    head = "".join(f"{name} = 1\n" for name in bound)
    takes = ", ".join(f"{name}=1" for name in dict.fromkeys(parameters))
    source = f"{head}def f({takes}):\n    return [{', '.join(used)}]\n"
    space = {}
    exec(source, space)
    try:
        space["f"]()
        raised = False
    except NameError:
        raised = True
    assert raised is bool(free_names(source))
