"""What node code leaves running does not outlive its execution, except where it is idle and harmless."""

from __future__ import annotations

import os
import time

import psutil


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

    job = bench.submit(parent, timeout=2.0)
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


def wait_until_gone(pids):
    processes = []
    for pid in pids:
        try:
            processes.append(psutil.Process(pid))
        except psutil.NoSuchProcess:
            continue
    _gone, alive = psutil.wait_procs(processes, timeout=30)
    assert not alive
