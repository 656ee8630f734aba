"""Error records."""

from __future__ import annotations

import pytest

from dtlpipe.runtime.failures import MESSAGE_LIMIT, TRACEBACK_LIMIT, NodeFailure, describe, size


def caught(function):
    try:
        function()
    except BaseException as error:
        return describe(error, memory_limit=5 * 2**20)
    pytest.fail("nothing was raised")


def test_an_exception_whose_text_cannot_be_made_is_still_told():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError

    def fail():
        raise Mute

    record = caught(fail)
    assert record["type"] == "Mute"
    assert "cannot be made" in record["message"]


def test_huge_texts_are_cut_in_the_middle():
    def fail():
        raise ValueError("a" + "x" * 10**6 + "z")

    record = caught(fail)
    assert len(record["message"]) < MESSAGE_LIMIT + 100
    assert record["message"].startswith("a")
    assert record["message"].endswith("z")
    assert len(record["traceback"]) < TRACEBACK_LIMIT + 100


def test_deep_recursion_is_told_briefly():
    def deep():
        deep()

    record = caught(deep)
    assert record["type"] == "RecursionError"
    assert "more times" in record["traceback"]


def test_an_exception_group_shows_its_members():
    def fail():
        raise ExceptionGroup("several", [ValueError("first"), KeyError("second")])

    assert "ValueError: first" in caught(fail)["traceback"]


def test_no_memory_says_the_limit():
    def fail():
        raise MemoryError

    record = caught(fail)
    assert (record["cause"], record["type"]) == ("memory", "MemoryError")
    assert "5 MiB" in record["message"]


def test_sys_exit_is_an_exit():
    def leave():
        raise SystemExit("done")

    record = caught(leave)
    assert record["cause"] == "exit"
    assert "sys.exit('done')" in record["message"]


def test_a_node_failure_takes_its_type_from_what_is_behind_it():
    error = NodeFailure("code", "no way", hint="another way")
    error.__cause__ = ImportError("x")

    assert describe(error) == {
        "cause": "code",
        "type": "ImportError",
        "message": "no way",
        "traceback": "ImportError: x\n",
        "hint": "another way",
    }


@pytest.mark.parametrize(("count", "text"), [(1, "1 B"), (2048, "2 KiB"), (512 * 2**20, "512 MiB"), (2**34, "16 GiB")])
def test_sizes_for_people(count, text):
    assert size(count) == text
