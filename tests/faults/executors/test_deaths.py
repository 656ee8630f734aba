"""Every way in which node code can take its process down, and what is said about it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

import pytest

from mock_server.executors.base import Failed, Started, Succeeded


def test_a_segfault_fails_its_execution_and_shows_where(bench):
    def crash():
        import ctypes

        ctypes.string_at(0)

    end = bench.run(crash)

    assert end.error["cause"] == "signal"
    assert end.error["type"] == "SIGSEGV"
    assert "Node 'tested'" in end.error["message"]
    assert "in crash" in end.error["traceback"]
    assert "dtlpipe/runtime" not in end.error["traceback"]


def test_an_abort_is_named(bench):
    end = bench.run(lambda: os.abort())

    assert (end.error["cause"], end.error["type"]) == ("signal", "SIGABRT")


def test_os_exit_is_reported_with_its_status_and_what_was_written_before(bench):
    def leave():
        print("whole line")
        print("half a line", end="", flush=True)
        os.write(1, b"native half")
        os._exit(7)

    job = bench.submit(leave)
    end = bench.end_of(job)

    assert end.error["cause"] == "exit"
    assert "status 7" in end.error["message"]
    assert {message for _stream, _level, message in bench.lines(job)} == {"whole line", "half a line", "native half"}


def test_os_exit_zero_is_no_success(bench):
    assert bench.run(lambda: os._exit(0)).error["cause"] == "exit"


@pytest.mark.parametrize(
    ("throw", "cause", "kind"),
    [
        (lambda: sys.exit(3), "exit", "SystemExit"),
        (lambda: exec("raise KeyboardInterrupt"), "exception", "KeyboardInterrupt"),
        (lambda: exec("raise GeneratorExit"), "exception", "GeneratorExit"),
    ],
)
def test_exceptions_that_end_programs_end_only_their_execution(lone, throw, cause, kind):
    bench = lone
    first = bench.submit(lambda: os.getpid())
    pid = bench.end_of(first).outputs["output"]

    end = bench.run(throw)

    assert (end.error["cause"], end.error["type"]) == (cause, kind)
    assert bench.run(lambda: os.getpid()).outputs["output"] == pid


def test_kill_9_of_the_worker_in_the_middle_of_its_job_is_reported_and_the_pool_is_whole_again(lone):
    bench = lone

    def hang():
        print("hanging")
        signal.pause()

    job = bench.submit(hang)
    bench.said(job, "hanging")
    os.kill(bench.start_of(job).pid, signal.SIGKILL)
    end = bench.end_of(job)

    assert (end.error["cause"], end.error["type"]) == ("signal", "SIGKILL")
    assert bench.run(lambda: "alive").outputs == {"output": "alive"}


def test_sigterm_from_outside_is_a_signal_not_a_timeout(bench):
    def hang():
        print("hanging")
        signal.pause()

    job = bench.submit(hang)
    bench.said(job, "hanging")
    os.kill(bench.start_of(job).pid, signal.SIGTERM)

    assert (bench.end_of(job).error["cause"], bench.end_of(job).error["type"]) == ("signal", "SIGTERM")


def test_a_timeout_lets_the_code_unwind_and_says_where_it_was(bench):
    def slow():
        try:
            time.sleep(1000)
        finally:
            print("cleaned up")

    job = bench.submit(slow, timeout=1.0)
    end = bench.end_of(job)

    assert end.error["cause"] == "timeout"
    assert "timeout of 1 s" in end.error["message"]
    assert "in slow" in end.error["traceback"]
    assert "time.sleep(1000)" in end.error["traceback"]
    assert ("stdout", "INFO", "cleaned up") in bench.lines(job)


def test_a_timeout_ends_code_that_does_not_listen(lone):
    bench = lone

    def stubborn():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            with contextlib.suppress(BaseException):
                time.sleep(1000)

    end = bench.run(stubborn, timeout=1.0)

    assert end.error["cause"] == "timeout"


def test_code_that_swallows_the_end_and_returns_has_still_timed_out(lone):
    bench = lone

    def deaf():
        try:
            time.sleep(1000)
        except BaseException:
            return "too late"

    assert bench.run(deaf, timeout=1.0).error["cause"] == "timeout"


def test_code_that_is_stuck_in_native_code_shows_its_stack_at_a_timeout(lone):
    bench = lone

    def stuck():
        import ctypes

        ctypes.PyDLL(None).sleep(1000)  # holds the GIL: no Python runs in this process any more

    end = bench.run(stuck, timeout=1.0)

    assert end.error["cause"] == "timeout"
    assert "in stuck" in end.error["traceback"]


def test_a_signal_handler_of_one_job_does_not_reach_the_next(lone):
    bench = lone

    def ignore():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return os.getpid()

    pid = bench.run(ignore).outputs["output"]

    def slow():
        print(os.getpid())
        try:
            time.sleep(1000)
        finally:
            print("unwound")

    job = bench.submit(slow, timeout=1.0)
    assert bench.end_of(job).error["cause"] == "timeout"
    assert [message for stream, _level, message in bench.lines(job) if stream == "stdout"] == [str(pid), "unwound"]


def test_a_process_that_closes_its_socket_is_ended_and_told_apart(bench):
    def vandal():
        os.closerange(3, 100)
        signal.pause()

    end = bench.run(vandal)

    assert end.error["type"] == "ProtocolError"


def test_a_process_that_writes_garbage_to_its_socket_fails_alone(bench):
    def vandal():
        import stat

        for descriptor in range(3, 50):
            try:
                if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                    os.write(descriptor, b"\xff" * 64)
            except OSError:
                continue
        signal.pause()

    end = bench.run(vandal)

    assert end.error["type"] == "ProtocolError"
    assert bench.run(lambda: 1).outputs == {"output": 1}


def test_a_result_that_never_was_json_text_is_refused(bench):
    def forge():
        import socket
        import stat

        from dtlpipe.runtime.protocol import encode

        for descriptor in range(3, 50):
            try:
                if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                    for number in range(1000):
                        socket.socket(fileno=os.dup(descriptor)).sendall(
                            encode({"kind": "done", "job": number}, b"\x80")
                        )
            except OSError:
                continue
        signal.pause()

    assert bench.run(forge).error["type"] == "ProtocolError"


def test_other_jobs_are_not_disturbed_by_those_that_die(make_bench):
    bench = make_bench(workers=4)

    def die(how):
        if how == 0:
            os._exit(1)
        if how == 1:
            os.kill(os.getpid(), signal.SIGSEGV)
        return how

    jobs = [bench.submit(die, how=number % 4) for number in range(80)]
    ends = [bench.end_of(job) for job in jobs]

    assert [isinstance(end, Failed) for end in ends] == [number % 4 < 2 for number in range(80)]
    assert all(end.outputs["output"] in (2, 3) for end in ends if isinstance(end, Succeeded))


def test_a_worker_that_dies_before_it_begins_costs_the_job_nothing(make_bench):
    bench = make_bench(workers=1)
    first = bench.submit(lambda: 1)
    bench.end_of(first)
    pid = bench.start_of(first).pid
    os.kill(pid, signal.SIGSTOP)  # it will not take up what it is given

    job = bench.submit(lambda: os.getpid())
    bench.start_of(job)
    os.kill(pid, signal.SIGKILL)

    assert bench.end_of(job).outputs["output"] != pid
    assert next(report.pid for report in bench.of(job) if isinstance(report, Started)) == pid
