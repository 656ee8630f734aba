from __future__ import annotations

import subprocess
import sys

import pytest

import dtlpipe.graph

HEAVY = ("flask", "httpx", "requests", "pydantic", "sqlalchemy", "asyncio", "logging", "networkx")


@pytest.mark.parametrize(
    "statement", ["import dtlpipe.graph", "from dtlpipe.graph import *", "from dtlpipe.graph import RunState, freeze"]
)
def test_importing_the_engine_loads_nothing_heavy(statement):
    code = f"import sys; {statement.replace('; ', chr(10))}\nprint([m for m in {HEAVY!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_every_exported_name_exists_and_is_listed():
    for name in dtlpipe.graph.__all__:
        assert (
            getattr(dtlpipe.graph, name).__name__ == name
            if name.isidentifier() and name[0].isupper() and not name.isupper()
            else True
        )
        assert name in dir(dtlpipe.graph)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_like_it"):
        dtlpipe.graph.nothing_like_it  # noqa: B018
