"""Whatever is killed, nothing is left: neither processes nor folders."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil

from mock_server.executors.base import Failed

PLATFORM = textwrap.dedent(
    """
    import signal, sys
    from mock_server.executors.base import Code, Job, Logged
    from mock_server.executors.process import ProcessExecutor

    source = '''
    import os, signal, subprocess
    def run():
        child = subprocess.Popen(["sleep", "1000"])
        escaped = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        print(os.getpid(), os.getppid(), child.pid, escaped.pid, os.getcwd())
        signal.pause()
    '''

    def report(reports):
        for one in reports:
            if isinstance(one, Logged):
                print(one.records[0]["message"], flush=True)

    executor = ProcessExecutor(report, workers=2)
    executor.start()
    for number in range(2):
        executor.submit(Job(str(number), 1, Code("hash", "run", source=__import__("textwrap").dedent(source))))
    signal.pause()
    """
)


def start_platform():
    platform = subprocess.Popen([sys.executable, "-c", PLATFORM], stdout=subprocess.PIPE, text=True)
    pids, folders = set(), []
    for _number in range(2):
        *numbers, folder = platform.stdout.readline().split()
        pids.update(map(int, numbers))
        folders.append(Path(folder))
    return platform, [psutil.Process(pid) for pid in pids], folders


def test_kill_9_of_the_platform_leaves_no_process_and_no_folder():
    platform, processes, folders = start_platform()
    assert len(processes) == 7, "two workers, two children of each, one zygote"

    with platform:
        platform.kill()

    _gone, alive = psutil.wait_procs(processes, timeout=30)
    assert not alive
    assert not any(folder.exists() for folder in folders)
    assert not any(folder.parent.exists() for folder in folders)


def test_kill_9_of_platform_and_zygote_together_leaves_no_worker():
    platform, processes, folders = start_platform()
    zygote = next(
        one for one in processes if any("zygote" in word for word in one.cmdline()) and one.ppid() == platform.pid
    )
    workers = zygote.children()

    with platform:
        zygote.suspend()  # so that it cannot do its work between the two
        platform.kill()
        zygote.kill()

    _gone, alive = psutil.wait_procs([zygote, *workers], timeout=30)
    assert not alive
    for process in processes:
        if process.is_running():  # nobody was left to kill these: the zygote's work, and the zygote was killed
            process.kill()
    for folder in folders:
        shutil.rmtree(folder.parent, ignore_errors=True)


def test_kill_9_of_the_zygote_fails_what_ran_and_the_pool_comes_back(make_bench):
    bench = make_bench(workers=2)

    def hang():
        print(os.getppid())
        signal.pause()

    job = bench.submit(hang)
    bench.wait_for(lambda one: getattr(one, "records", None) and one.execution_id == job.execution_id)
    zygote = int(bench.lines(job)[0][2])
    workers = psutil.Process(zygote).children()

    os.kill(zygote, signal.SIGKILL)
    end = bench.end_of(job)

    assert isinstance(end, Failed)
    assert (end.error["cause"], end.error["type"]) == ("signal", "ProcessLost")
    assert bench.run(lambda: os.getppid()).outputs["output"] != zygote
    _gone, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive


def test_closing_removes_the_work_folders(make_bench):
    bench = make_bench(workers=1)
    folder = Path(bench.run(lambda: str(Path.cwd())).outputs["output"])
    assert folder.is_dir()

    bench.executor.close()

    assert not folder.parent.exists()


def test_the_descriptors_of_the_platform_do_not_add_up(make_bench):
    bench = make_bench(workers=2)
    bench.run(lambda: 1)
    bench.run(lambda: 1)
    process = psutil.Process()
    before = process.num_fds()

    for _number in range(20):
        bench.run(lambda: os._exit(1))
    bench.run(lambda: 1)

    assert process.num_fds() <= before + 6, "a worker that has just been asked for holds three"


def test_a_zygote_that_cannot_start_fails_the_jobs_with_its_last_words(make_bench, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    bench = make_bench(workers=1)

    end = bench.run(lambda: 1)

    assert (end.error["cause"], end.error["type"]) == ("exit", "NoProcess")
