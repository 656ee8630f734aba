"""Memory limits, from inside the process and from outside."""

from __future__ import annotations

import signal
import sys

MIB = 1024 * 1024


def test_memory_over_the_limit_is_a_memory_error_with_a_traceback(lone):
    bench = lone

    def hungry():
        return len(bytearray(300 * MIB))

    end = bench.run(hungry, memory_limit=100 * MIB)

    assert (end.error["cause"], end.error["type"]) == ("memory", "MemoryError")
    assert "100 MiB" in end.error["message"]
    assert "in hungry" in end.error["traceback"]
    assert bench.run(hungry).outputs == {"output": 300 * MIB}, "the limit was of that job alone"


def test_a_default_memory_limit_holds_for_jobs_that_name_none(make_bench):
    bench = make_bench(default_memory_limit=50 * MIB)

    assert bench.run(lambda: len(bytearray(200 * MIB))).error["cause"] == "memory"


def test_shared_memory_that_no_rlimit_sees_is_caught_from_outside(lone):
    bench = lone

    def sneaky():
        import mmap

        held = mmap.mmap(-1, 300 * MIB)
        held.write(b"x" * (300 * MIB))
        signal.pause()

    end = bench.run(sneaky, memory_limit=100 * MIB)

    assert end.error["cause"] == "memory"


def test_memory_of_child_processes_counts(lone):
    bench = lone

    def parent():
        import subprocess

        code = "import signal; held = [b'x' * 2**20 * 1 + bytes([n]) for n in range(60)]; signal.pause()"
        children = [subprocess.Popen([sys.executable, "-c", code]) for _number in range(3)]
        for child in children:
            child.wait()

    end = bench.run(parent, memory_limit=100 * MIB)

    assert end.error["cause"] == "memory"
    assert "100 MiB" in end.error["message"]
