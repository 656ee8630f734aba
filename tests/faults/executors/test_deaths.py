"""Every way in which node code can take its process down, and what is said about it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

import psutil
import pytest

from mock_server.executors.base import Failed, Started, Succeeded

MIB = 1024 * 1024


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

    job = bench.submit(slow, timeout=0.2)
    end = bench.end_of(job)

    assert end.error["cause"] == "timeout"
    assert "timeout of 0.2 s" in end.error["message"]
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

    end = bench.run(stubborn, timeout=0.2)

    assert end.error["cause"] == "timeout"


def test_code_that_swallows_the_end_and_returns_has_still_timed_out(lone):
    bench = lone

    def deaf():
        try:
            time.sleep(1000)
        except BaseException:
            return "too late"

    assert bench.run(deaf, timeout=0.2).error["cause"] == "timeout"


def test_code_that_is_stuck_in_native_code_shows_its_stack_at_a_timeout(lone):
    bench = lone

    def stuck():
        import ctypes

        ctypes.PyDLL(None).sleep(1000)  # holds the GIL: no Python runs in this process any more

    end = bench.run(stuck, timeout=0.3)

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

    job = bench.submit(slow, timeout=0.2)
    assert bench.end_of(job).error["cause"] == "timeout"
    assert [message for stream, _level, message in bench.lines(job) if stream == "stdout"] == [str(pid), "unwound"]


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


def test_children_that_are_left_running_are_killed(lone, tmp_path):
    bench = lone

    def litter():
        import subprocess

        return [os.getpid(), subprocess.Popen(["sleep", "1000"]).pid]

    worker, child = bench.run(litter).outputs["output"]

    assert bench.run(lambda: os.getpid()).outputs["output"] != worker
    wait_until_gone([child])


def test_a_daemon_that_left_its_process_group_is_killed_too(lone):
    bench = lone

    def daemonize():
        read_end, write_end = os.pipe()
        if (between := os.fork()) == 0:
            os.setsid()
            if (pid := os.fork()) == 0:
                os.execvp("sleep", ["sleep", "1000"])
            os.write(write_end, str(pid).encode())
            os._exit(0)
        os.waitpid(between, 0)  # so that no child is left, but a grandchild that nobody knows
        return [os.getpid(), int(os.read(read_end, 20))]

    worker, daemon = bench.run(daemonize).outputs["output"]

    wait_until_gone([worker, daemon])


def test_children_die_with_a_job_that_is_timed_out(lone):
    bench = lone

    def parent():
        import subprocess

        child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        print(child.pid)
        child.wait()

    job = bench.submit(parent, timeout=0.5)
    assert bench.end_of(job).error["cause"] == "timeout"

    child = next(int(message) for stream, _level, message in bench.lines(job) if stream == "stdout")
    wait_until_gone([child, bench.start_of(job).pid])


def test_a_thread_that_is_left_running_costs_the_worker(lone):
    bench = lone

    def spin():
        import threading

        threading.Thread(target=time.sleep, args=(1000,)).start()
        return os.getpid()

    worker = bench.run(spin).outputs["output"]

    assert bench.run(lambda: os.getpid()).outputs["output"] != worker
    wait_until_gone([worker])


def test_a_pool_of_threads_without_work_costs_nothing(lone):
    bench = lone

    def pooled():
        import builtins
        from concurrent.futures import ThreadPoolExecutor

        builtins.kept = ThreadPoolExecutor(2)
        return [os.getpid(), *builtins.kept.map(abs, [-1, -2])]

    pid, *values = bench.run(pooled).outputs["output"]

    assert values == [1, 2]
    assert bench.run(lambda: os.getpid()).outputs["output"] == pid


def test_a_pool_of_threads_that_works_on_costs_the_worker(lone):
    bench = lone

    def pooled():
        import builtins
        from concurrent.futures import ThreadPoolExecutor

        builtins.kept = ThreadPoolExecutor(1)
        builtins.kept.submit(time.sleep, 1000)
        return os.getpid()

    pid = bench.run(pooled).outputs["output"]

    assert bench.run(lambda: os.getpid()).outputs["output"] != pid


def test_programs_that_node_code_starts_inherit_nothing_of_ours(lone):
    def look():
        import subprocess

        return subprocess.run(
            ["ls", "/proc/self/fd"], check=True, stdout=subprocess.PIPE, text=True, close_fds=False
        ).stdout.split()

    assert set(lone.run(look).outputs["output"]) <= {"0", "1", "2", "3"}, "3 is the folder that ls reads"


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


def wait_until_gone(pids):
    processes = []
    for pid in pids:
        try:
            processes.append(psutil.Process(pid))
        except psutil.NoSuchProcess:
            continue
    _gone, alive = psutil.wait_procs(processes, timeout=30)
    assert not alive
