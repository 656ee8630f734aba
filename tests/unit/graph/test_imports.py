from __future__ import annotations

import subprocess
import sys

import pytest

import dtlpipe.graph

HEAVY = {"flask", "httpx", "requests", "pydantic", "sqlalchemy", "asyncio", "networkx", "yaml", "haystack"}


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import dtlpipe.graph", HEAVY | {"logging", "inspect"}),
        ("from dtlpipe.graph import RunState, freeze", HEAVY | {"logging"}),
        ("from dtlpipe.graph import *", HEAVY),
    ],
)
def test_importing_the_engine_loads_nothing_heavy(statement, heavy):
    code = f"import sys\n{statement}\nprint(*({heavy!r} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_every_exported_name_exists_and_is_listed():
    for name in dtlpipe.graph.__all__:
        exported = getattr(dtlpipe.graph, name)
        if isinstance(exported, type) and name != "AsyncPipeline":  # the old name of a class that has another
            assert exported.__name__ == name
        assert name in dir(dtlpipe.graph)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_like_it"):
        dtlpipe.graph.nothing_like_it  # noqa: B018


def test_the_hook_before_construction_is_found_under_haystacks_name_but_not_advertised():
    from dtlpipe.graph import _hook_component_init, component

    @component
    class Part:
        def __init__(self, size):
            self.size = size

        def run(self):
            return {}

    with _hook_component_init(lambda cls, parameters: parameters.update(size=7)):
        assert Part(1).size == 7
    assert "_hook_component_init" not in dtlpipe.graph.__all__


def test_the_class_that_haystack_2_had_for_running_asynchronously_is_the_pipeline():
    assert dtlpipe.graph.AsyncPipeline is dtlpipe.graph.Pipeline
