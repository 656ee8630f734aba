"""Queue, fences, cancel, close, recycling: what the pool promises about many jobs."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import attrs
import psutil
import pytest

from mock_server.executors.base import Code, ExecutorClosed, Failed, Started, Succeeded
from mock_server.executors.process import ProcessExecutor


def hang():
    print("hanging")
    signal.pause()


def test_five_hundred_jobs_over_four_workers_all_end_once_with_their_own_result(make_bench):
    bench = make_bench(workers=4)
    code = Code(hash="echo", function_name="run", source="def run(x):\n    print(x)\n    return x\n")
    jobs = [bench.submit(code, x=number) for number in range(500)]

    for number, job in enumerate(jobs):
        assert bench.end_of(job).outputs == {"output": number}
    for number, job in enumerate(jobs):
        assert [type(report).__name__ for report in bench.of(job)] == ["Started", "Logged", "Succeeded"]
        assert bench.lines(job) == [("stdout", "INFO", str(number))]
    assert len({report.pid for report in bench.reports if isinstance(report, Started)}) <= 4


def test_start_returns_before_the_first_worker_is_there_and_jobs_wait(make_bench):
    bench = make_bench()
    job = bench.submit(lambda: "early")

    assert bench.reports == []
    assert bench.end_of(job).outputs == {"output": "early"}


def test_workers_run_at_the_same_time_up_to_the_capacity(make_bench, tmp_path):
    bench = make_bench(workers=3)
    gates = [tmp_path / f"gate {number}" for number in range(4)]
    for gate in gates:
        os.mkfifo(gate)

    def wait(gate):
        print("here")
        return Path(gate).read_text()

    jobs = [bench.submit(wait, gate=str(gate)) for gate in gates]
    for job in jobs[:3]:
        bench.said(job, "here")
    assert bench.executor.capacity == 3
    assert bench.of(jobs[3]) == []

    gates[1].write_text("open")
    assert bench.end_of(jobs[1]).outputs == {"output": "open"}
    bench.said(jobs[3], "here")
    for number in (0, 2, 3):
        gates[number].write_text("open")
        assert bench.end_of(jobs[number]).outputs == {"output": "open"}


def test_a_runner_is_made_once_a_worker_and_kept(lone):
    bench = lone
    source = (
        "class ServiceRunner:\n"
        "    def __init__(self, step):\n"
        "        self.count, self.step = 0, step\n"
        "    def run(self):\n"
        "        self.count += self.step\n"
        "        return self.count\n"
    )
    code = Code(hash="count", function_name="run", source=source, class_name="ServiceRunner", init_inputs={"step": 5})

    assert [bench.run(code).outputs["output"] for _number in range(3)] == [5, 10, 15]


def test_code_that_a_worker_has_dropped_is_sent_again(lone):
    bench = lone
    codes = [Code(hash=f"code {n}", function_name="run", source=f"def run():\n    return {n}\n") for n in range(70)]

    for number, code in enumerate(codes):
        assert bench.run(code).outputs == {"output": number}
    assert bench.run(codes[0]).outputs == {"output": 0}


def test_nothing_of_a_job_is_left_for_the_next(lone):
    bench = lone

    def spoil():
        import sys

        Path("file.txt").write_text("mine")
        Path("folder/inner").mkdir(parents=True)
        os.environ["SPOILED"] = "yes"
        del os.environ["PATH"]
        sys.path.append("/spoiled")
        os.chdir("/")
        sys.stdout = None
        return os.getpid()

    def look():
        import sys

        print("still heard")
        spoiled = [os.environ.get("SPOILED"), "/spoiled" in sys.path]
        return [os.getpid(), len(list(Path().iterdir())), "PATH" in os.environ, spoiled]

    pid = bench.run(spoil).outputs["output"]
    job = bench.submit(look)

    assert bench.end_of(job).outputs["output"] == [pid, 0, True, [None, False]]
    assert bench.lines(job) == [("stdout", "INFO", "still heard")]


def test_workers_get_the_platforms_variables_and_their_changes(make_bench):
    current = {"DTLPIPE_TOKEN": "first"}
    bench = make_bench(workers=1, environment=lambda: current, environment_interval=0.0)

    def token():
        return [os.getpid(), os.environ["DTLPIPE_TOKEN"]]

    old, seen = bench.run(token).outputs["output"]
    assert seen == "first"
    current["DTLPIPE_TOKEN"] = "second"
    new, seen = bench.run(token).outputs["output"]
    assert seen == "second"
    assert old != new, "an SDK in the old process would still hold what it read"
    assert bench.run(token).outputs["output"] == [new, "second"]


def test_a_worn_worker_is_replaced(make_bench):
    bench = make_bench(workers=1, jobs_per_worker=3)

    pids = [bench.run(lambda: os.getpid()).outputs["output"] for _number in range(7)]

    assert len(set(pids)) == 3
    assert pids[0] == pids[2] != pids[3] == pids[5] != pids[6]


def test_a_worker_that_keeps_too_much_memory_is_replaced(make_bench):
    bench = make_bench(workers=1, growth_limit=50 * 2**20)

    def hoard():
        import builtins

        time.sleep(0.15)  # long enough to be looked at
        builtins.hoarded = bytearray(100 * 2**20)
        return os.getpid()

    bench.run(lambda: 1)
    pid = bench.run(hoard).outputs["output"]

    assert bench.run(lambda: os.getpid()).outputs["output"] != pid


def test_a_queued_job_is_canceled_at_once(lone):
    bench = lone
    running = bench.submit(hang)
    bench.said(running, "hanging")
    queued = bench.submit(lambda: 1)

    bench.executor.cancel(queued.execution_id, queued.fence)

    assert bench.end_of(queued).error["cause"] == "canceled"
    assert [type(report) for report in bench.of(queued)] == [Failed]
    bench.executor.cancel(running.execution_id, running.fence)
    bench.end_of(running)


def test_a_running_job_is_canceled_with_its_process(lone):
    bench = lone
    job = bench.submit(hang)
    bench.said(job, "hanging")

    bench.executor.cancel(job.execution_id, job.fence)
    end = bench.end_of(job)

    assert end.error["cause"] == "canceled"
    assert "in hang" in end.error["traceback"]
    assert bench.run(lambda: 1).outputs == {"output": 1}


def test_a_cancel_with_another_fence_changes_nothing(lone):
    bench = lone
    job = bench.submit(lambda: "done", fence=3)

    bench.executor.cancel(job.execution_id, 2)

    assert bench.end_of(job).outputs == {"output": "done"}


def test_a_higher_fence_takes_the_place_of_a_running_job_and_the_old_one_is_never_heard_again(lone):
    bench = lone
    old = bench.submit(hang)
    bench.said(old, "hanging")
    before = len(bench.of(old))

    new = bench.submit(attrs.evolve(bench.job(lambda: "new"), execution_id=old.execution_id, fence=2))

    assert bench.end_of(new).outputs == {"output": "new"}
    assert len(bench.of(old)) == before


def test_a_higher_fence_takes_the_place_of_a_queued_job(lone):
    bench = lone
    running = bench.submit(hang)
    bench.said(running, "hanging")
    old = bench.submit(lambda: "old")
    new = bench.submit(attrs.evolve(bench.job(lambda: "new"), execution_id=old.execution_id, fence=2))
    bench.executor.cancel(running.execution_id, 1)

    assert bench.end_of(new).outputs == {"output": "new"}
    assert bench.of(old) == []


def test_a_stale_or_repeated_fence_is_not_run(make_bench):
    bench = make_bench(workers=1)
    job = bench.submit(hang, fence=5)
    bench.said(job, "hanging")

    bench.submit(attrs.evolve(job, fence=4))
    bench.submit(attrs.evolve(job))
    bench.executor.cancel(job.execution_id, 5)

    assert bench.end_of(job).error["cause"] == "canceled"
    assert bench.run(lambda: 1).outputs == {"output": 1}
    assert len([one for one in bench.reports if isinstance(one, Started)]) == 2


def test_close_lets_running_jobs_finish_within_the_grace(make_bench, tmp_path):
    bench = make_bench(workers=1)
    gate = tmp_path / "gate"
    os.mkfifo(gate)

    def wait(gate):
        print("waiting")
        time.sleep(0.1)
        return "finished"

    job = bench.submit(wait, gate=str(gate))
    queued = bench.submit(lambda: 1)
    bench.said(job, "waiting")
    bench.executor.close(grace=30)

    assert bench.end_of(job).outputs == {"output": "finished"}
    assert bench.of(queued) == []


def test_close_kills_what_runs_on_without_a_report_and_leaves_no_process(make_bench):
    bench = make_bench(workers=2)
    jobs = [bench.submit(hang), bench.submit(hang)]
    for job in jobs:
        bench.said(job, "hanging")
    workers = [psutil.Process(bench.start_of(job).pid) for job in jobs]
    ours = [*workers, workers[0].parent()]

    bench.executor.close(grace=0.1)

    assert not [one for one in ours if one.is_running()]
    assert not [one for job in jobs for one in bench.of(job) if isinstance(one, Failed | Succeeded)]


def test_close_before_the_workers_are_there_is_quick_and_clean(make_bench):
    before = set(psutil.Process().children())
    bench = make_bench()
    (zygote,) = set(psutil.Process().children()) - before

    bench.executor.close()
    bench.executor.close()

    assert not zygote.is_running()


def test_an_executor_that_sleeps_has_no_process_before_the_first_job(make_bench):
    before = psutil.Process().children()
    bench = make_bench(asleep=True)
    assert psutil.Process().children() == before
    assert isinstance(bench.run(lambda: 1), Succeeded)
    assert bench.executor.processes > 0


def test_an_executor_that_sleeps_gets_ready_when_it_is_roused(make_bench):
    bench = make_bench(asleep=True)
    bench.executor.rouse()
    job = bench.submit(lambda: 1)
    assert isinstance(bench.end_of(job), Succeeded)
    bench.executor.close()
    bench.executor.rouse()  # nobody is there any more


def test_a_closed_executor_refuses_jobs(make_bench):
    bench = make_bench()
    bench.executor.close()

    with pytest.raises(ExecutorClosed, match="make another"):
        bench.submit(lambda: 1)


def test_an_executor_that_was_not_started_refuses_jobs(make_bench):
    executor = ProcessExecutor(lambda reports: None)
    bench = make_bench()

    with pytest.raises(ExecutorClosed, match="start it first"):
        executor.submit(bench.job(lambda: 1))


def test_a_receiver_that_fails_does_not_stop_the_pool(make_bench, caplog):
    bench = make_bench(workers=1)
    receive = bench._receive
    failures = []

    def fragile(reports):
        receive(reports)
        if not failures:
            failures.append(reports)
            raise RuntimeError("the store is full")

    bench.executor.close()
    bench.executor = ProcessExecutor(fragile, workers=1)
    bench.executor.start()

    assert bench.run(lambda: 1).outputs == {"output": 1}
    assert bench.run(lambda: 2).outputs == {"output": 2}
    assert "the store is full" in caplog.text


def test_jobs_may_be_submitted_from_the_receiver(make_bench):
    bench = make_bench(workers=1)
    chain = [bench.job(lambda n: n + 1, n=number) for number in range(20)]
    receive = bench._receive
    following = iter(chain[1:])

    def go_on(reports):
        for report in reports:
            if isinstance(report, Succeeded) and (job := next(following, None)) is not None:
                bench.executor.submit(job)
        receive(reports)

    bench.executor.close()
    bench.executor = ProcessExecutor(go_on, workers=1)
    bench.executor.start()
    bench.submit(chain[0])

    assert bench.end_of(chain[-1]).outputs == {"output": 20}


def test_whatever_races_each_job_has_one_end_and_it_comes_last(make_bench):
    bench = make_bench(workers=3, kill_grace=0.1)
    draw = random.Random(20)
    codes = {
        "quick": Code("quick", "run", source="def run(): return 1"),
        "chatty": Code("chatty", "run", source="def run():\n    for n in range(50): print(n)"),
        "short": Code("short", "run", source="import time\ndef run(): time.sleep(0.01)"),
        "crash": Code("crash", "run", source="import os\ndef run(): os._exit(1)"),
    }
    jobs = []
    for _number in range(300):
        jobs.append(bench.submit(codes[draw.choice(list(codes))], timeout=draw.choice([None, 0.005, 5.0])))
        if draw.random() < 0.5:
            victim = draw.choice(jobs[-6:])
            bench.executor.cancel(victim.execution_id, victim.fence)
    for job in jobs:
        bench.end_of(job)

    for job in jobs:
        kinds = [isinstance(report, Succeeded | Failed) for report in bench.of(job)]
        assert kinds.count(True) == 1
        assert kinds[-1] is True
    assert bench.run(lambda: "still here").outputs == {"output": "still here"}
