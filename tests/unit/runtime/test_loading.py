"""Shipped code becomes callable."""

from __future__ import annotations

import base64
import inspect
import textwrap

import cloudpickle
import pytest

from dtlpipe.runtime.failures import NodeFailure, describe
from dtlpipe.runtime.loading import PYTHON, CodeCache, load


def code(source=None, function="run", **fields):
    text = textwrap.dedent(source) if source else None
    return {"hash": str(hash((source, function))), "function_name": function, "source": text} | fields


def pickled(value):
    return base64.b64encode(cloudpickle.dumps(value)).decode()


def refusal(shipped):
    with pytest.raises(NodeFailure) as caught:
        load(shipped, "Node 'n'")
    assert caught.value.cause == "code"
    assert str(caught.value).startswith("Node 'n': ")
    return caught.value


def test_a_function_in_source_is_found():
    assert load(code("def run(x):\n    return x + 1"), "n").call(1) == 2


def test_a_class_is_made_once_with_its_init_inputs():
    source = """
        class ServiceRunner:
            made = 0
            def __init__(self, start, step=1):
                type(self).made += 1
                self.start = start
            def run(self):
                return self.start, self.made
    """
    loaded = load(code(source, class_name="ServiceRunner", init_inputs={"start": 7, "unknown": 1}), "n")

    assert [loaded.call(), loaded.call()] == [(7, 1), (7, 1)]


def test_a_class_name_that_is_not_there_gives_way_to_a_function():
    assert load(code("def run():\n    return 1", class_name="ServiceRunner"), "n").call() == 1


def test_a_lone_class_is_found_without_its_name():
    assert load(code("class Mine:\n    def run(self):\n        return 1"), "n").call() == 1


def test_a_pickled_function_and_a_pickled_class_are_called_alike():
    factor = 3

    class Runner:
        def run(self, x):
            return x * factor

    function = load(code(pickle=pickled(lambda x: x * factor), python=PYTHON), "n")
    runner = load(code(pickle=pickled(Runner), python=PYTHON), "n")

    assert (function.call(2), runner.call(2)) == (6, 6)


def test_a_pickle_that_misses_a_module_gives_way_to_source():
    broken = base64.b64encode(b"cno_such_module\nrun\n.").decode()

    assert load(code("def run():\n    return 1", pickle=broken, python=PYTHON), "n").call() == 1
    assert "not installed" in str(refusal(code(pickle=broken, python=PYTHON)))


def test_a_broken_pickle_is_refused():
    assert "could not be unpickled" in str(refusal(code(pickle="AAAA", python=PYTHON)))


def test_code_with_nothing_in_it_is_refused():
    assert "neither source nor pickle" in str(refusal(code()))


def test_a_function_that_is_not_defined_is_refused_with_what_is():
    error = refusal(code("def other(): ...\ndef another(): ..."))

    assert "defines no function 'run' (it defines: another, other)" in str(error)


def test_a_method_that_is_not_defined_is_refused_with_what_is():
    error = refusal(code("class ServiceRunner:\n    def other(self): ...", class_name="ServiceRunner"))

    assert "without a method 'run' (it has: other)" in str(error)


def test_init_inputs_that_are_missing_are_named():
    source = "class ServiceRunner:\n    def __init__(self, path): ...\n    def run(self): ..."

    assert "__init__(path) needs 'path'" in str(refusal(code(source, class_name="ServiceRunner")))


def test_an_exception_while_loading_keeps_its_traceback():
    error = refusal(code("x = 1\ny = x / 0\ndef run(): ..."))

    assert "failed while it was loaded: ZeroDivisionError" in str(error)
    assert "line 2" in describe(error)["traceback"]
    assert "y = x / 0" in describe(error)["traceback"]


def test_source_may_end_the_program_only_for_itself():
    assert "SystemExit" in str(refusal(code("import sys; sys.exit(1)")))


def test_source_of_loaded_code_can_be_inspected():
    loaded = load(code("def run():\n    return 1  # here"), "n")

    assert "# here" in inspect.getsource(loaded.call)


def test_the_least_used_code_goes_first():
    cache = CodeCache(kept=2)
    first, second, third = (code(f"def run():\n    return {number}") for number in range(3))
    cache.add(first, "n")
    cache.add(second, "n")
    cache.get(first["hash"])
    cache.add(third, "n")

    assert [shipped["hash"] in cache for shipped in (first, second, third)] == [True, False, True]
