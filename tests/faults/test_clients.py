"""Rows 7, 10 and 11: one request from a hundred threads, readers that hardly read, and thousands who wait."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import requests

from tests.faults import invariants
from tests.faults.killable import ROOT
from tests.faults.platforms import until
from tests.faults.rows import percentile, times

CHAIN = ("return x", "return x + 1")


@pytest.mark.parametrize("rounds", times(1, 50))
def test_a_hundred_threads_with_one_key_begin_one_run(platform, record_row, rounds):
    pipeline, hundred, runs = platform.pipeline(platform.project(), *CHAIN), 100, []
    together = threading.Barrier(hundred)

    def ask(number):
        with requests.Session() as session:
            session.trust_env = False
            together.wait(60)
            return platform.submit(pipeline, f"one-{number}", session, x=number)

    with ThreadPoolExecutor(hundred) as pool:
        for number in range(rounds):
            answers = list(pool.map(ask, [number] * hundred))
            assert {answer.status_code for answer in answers} == {200}
            (id,) = {answer.json()["id"] for answer in answers}
            runs.append(id)
            other = platform.submit(pipeline, f"one-{number}", x="something else")
            assert other.status_code == 409, other.text
            platform.settled(answers[0].json())
    expected = {id: {"n0": number, "n1": number + 1} for number, id in enumerate(runs)}
    seen = invariants.check(platform.place, runs, outputs=expected)
    assert len([run for run in seen.runs.values() if run["pipeline_id"] == pipeline["id"]]) == rounds
    record_row(
        "7",
        "one idempotency key from 100 threads at once",
        times=rounds,
        gate="1 run, 100 equal ids; another body: 409",
        measured=f"{len(runs)} runs for {rounds} keys, {rounds * hundred} requests",
    )


# --- row 10 --------------------------------------------------


class Reader:
    """A client of a stream of events, by a bare socket, so that it reads as slowly as it likes."""

    def __init__(self, platform, path, last=None):
        self.socket = socket.create_connection(("127.0.0.1", platform.port), timeout=60)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        resume = f"Last-Event-ID: {last}\r\n" if last is not None else ""
        self.socket.sendall(
            f"GET /api/v1{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n{resume}\r\n".encode()
        )
        self.data = b""

    def read(self, size):
        part = self.socket.recv(size)
        self.data += part
        return part

    def ids(self):
        """Of the events that were read whole."""
        whole = self.data.rpartition(b"\n\n")[0]
        return [int(line[3:]) for line in whole.splitlines() if line.startswith(b"id:")]

    def close(self):
        self.socket.close()


def read_until_over(platform, path, last=None, *, drop_after=None):
    """The ids of all events of a stream that ends, resumed after each cut."""
    found: list[int] = []
    while True:
        reader = Reader(platform, path, last)
        with contextlib.closing(reader):
            while part := reader.read(1 << 16 if drop_after is None else 300):
                if drop_after is not None and len(reader.ids()) >= drop_after:
                    break
        found += reader.ids()
        if not part and (b" 204 " in reader.data[:20] or drop_after is None):
            return found
        last = found[-1] if found else last


def test_a_stream_that_is_cut_again_and_again_resumes_without_a_gap(platform):
    pipeline = platform.pipeline(platform.project(), *(["return x"] * 6))
    run = platform.execute(pipeline, x=1)
    path = f"/platform/runs/{run['id']}/events"
    cut = read_until_over(platform, path, drop_after=2)
    platform.settled(run)
    seen = invariants.check(platform.place, [run["id"]])
    log = [event.id for event in seen.events if event.run_id == run["id"]]
    assert cut == log
    assert read_until_over(platform, path) == log


@pytest.mark.slow
def test_two_hundred_readers_that_hardly_read_cost_the_others_little(platform, record_row):
    slow, seconds = 200, 20.0
    pipeline = platform.pipeline(platform.project(), *CHAIN)
    process = psutil.Process(platform.process.pid)

    def others(count):
        found = []
        for number in range(count):
            began = time.monotonic()
            platform.settled(platform.execute(pipeline, x=number))
            found.append(time.monotonic() - began)
        return percentile(found, 0.99)

    others(50)
    quiet, before = others(200), process.memory_info().rss
    readers = [Reader(platform, "/platform/events?after=0") for _ in range(slow)]
    stop = threading.Event()

    def drip():
        while not stop.wait(1.0):
            for each in readers:
                each.read(1)

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        deadline, loud = time.monotonic() + seconds, []
        while time.monotonic() < deadline:
            loud.append(others(50))
        grown = (process.memory_info().rss - before) / (1 << 20)
    finally:
        stop.set()
        dripping.join()
    one, last = readers[0], invariants.read(platform.place).events[-1].id
    while last not in one.ids():
        assert one.read(1 << 16), "the stream of a slow reader was cut"
    ids = one.ids()
    for each in readers:
        each.close()
    with contextlib.closing(Reader(platform, "/platform/events", last=ids[-1])) as again:
        platform.settled(platform.execute(pipeline, x=1))
        until(lambda: again.read(1 << 16) and again.ids(), "the stream does not resume")
        log = [event.id for event in invariants.read(platform.place).events]
        assert ids == log[: len(ids)]
        assert again.ids() == log[len(ids) : len(ids) + len(again.ids())]
    worst = percentile(loud, 0.5)
    record_row(
        "10",
        f"{slow} readers of all events, each at 1 byte/s",
        times=slow,
        gate="memory + 50 MB at most; others' p99 <= 2x; resumes without a gap",
        measured=f"{grown:+.0f} MB; p99 of a run {quiet * 1000:.0f} -> {worst * 1000:.0f} ms; {len(ids)} ids, no gap",
        held=grown <= 50 and worst <= 2 * quiet,
    )


# --- row 11 --------------------------------------------------


WAIT = 30.0  # seconds: the most that a platform holds a request, by itself


@contextlib.contextmanager
def crowd(platform, run, count):
    """So many who wait for the run: gives their process, and a list of what they tell in the end."""
    path = f"/pipelines/{run['pipelineId']}/executions/{run['id']}"
    command = [sys.executable, "-m", "tests.faults.crowd", str(platform.port), path, str(count), str(WAIT)]
    answers = []
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, answers
            process.stdin.close()
            answers.append(json.loads(process.stdout.readline()))
        finally:
            process.kill()


@pytest.mark.parametrize("pollers", times(100, 10_000))
def test_many_who_wait_keep_nobody_from_beginning_runs(platform, tmp_path, record_row, pollers):
    soft, hard = resource.prlimit(platform.process.pid, resource.RLIMIT_NOFILE)
    assert min(soft, hard) > pollers + 500, f"the platform may have {soft} files open"
    go = tmp_path / "go"
    hold = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.02)\nreturn x"
    held = platform.execute(platform.pipeline(platform.project(), hold), x=1)
    quick = platform.pipeline(platform.project(), "return x")
    process, runs = psutil.Process(platform.process.pid), []

    def submit():
        began = time.monotonic()
        runs.append(platform.submit(quick, f"among-{pollers}-{len(runs)}", x=len(runs)).json()["id"])
        return time.monotonic() - began

    alone, small = [submit() for _ in range(max(10, pollers // 50))], process.memory_info().rss
    with crowd(platform, held, pollers) as (waiting, answers):
        coming, there = [], threading.Event()
        listening = threading.Thread(target=lambda: (waiting.stdout.readline(), there.set()))
        listening.start()
        while not there.is_set():
            coming.append(submit())
        listening.join()
        among, large = [submit() for _ in range(max(20, pollers // 20))], process.memory_info().rss
        go.touch()
        platform.settled(held)
    for id in runs:
        platform.settled({"pipelineId": quick["id"], "id": id})
    invariants.check(platform.place, runs, outputs={id: {"n0": number} for number, id in enumerate(runs)})
    (told,) = answers
    assert {*told["answers"]} == {"200"}, told
    assert told["ended"] == pollers
    p99, figures = percentile(among, 0.99), (alone, coming, among)
    seconds = ", ".join(f"{percentile(each, 0.5) * 1000:.0f} / {percentile(each, 0.99) * 1000:.0f}" for each in figures)
    record_row(
        "11",
        f"{pollers} long polls at once",
        times=pollers,
        gate="0 errors; p99 of a submit <= 250 ms",
        measured=f"{told['answers']['200']} answers, 0 errors; submit p50 / p99 alone, "
        f"while they come, while they wait: {seconds} ms; {(large - small) / pollers / 1024:.0f} KiB for each",
        held=p99 <= 0.25,
    )
