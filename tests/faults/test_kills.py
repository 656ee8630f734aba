"""Rows 1 to 3: node processes and the platform itself are killed, at any moment and at every named point."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from contextlib import closing

import pytest
import requests

from mock_server.store import crashes, open_store
from tests.faults import invariants
from tests.faults.platforms import until
from tests.faults.rows import SHARE, percentile, times
from tests.faults.submitter import Submitter

#: Says that it began, with the number of its process, and returns that word once it may.
MARKS = """
import os, time
word = f"{{x}} {{os.getpid()}} {{time.monotonic_ns()}}"
with open({log!r}, "a") as log:
    log.write(word + "\\n")
while not os.path.exists({go!r} + str(x)):
    time.sleep(0.005)
return word
"""


@pytest.mark.parametrize("kills", times(6, 100))
def test_a_node_whose_process_is_killed_is_run_again_and_its_last_word_counts(platform, tmp_path, record_row, kills):
    each, at_once = 2, 3
    log, go = tmp_path / "log", tmp_path / "go"
    log.touch()
    pipeline = platform.pipeline(
        platform.project(), MARKS.format(log=str(log), go=str(go)), "return x", config={"maxAttempts": each + 1}
    )
    killed: dict[str, float] = {}
    recovery, runs = [], {}

    def words(x):
        return [line for line in log.read_text().splitlines() if line.startswith(f"{x} ")]

    for number in range(kills // each):
        if number >= at_once:
            (tmp_path / f"go{number - at_once}").touch()
        runs[number] = platform.execute(pipeline, x=number)
        for turn in range(each):
            word = until(lambda turn=turn, x=number: words(x)[turn:], "it did not begin again")[0]
            if turn:
                recovery.append(time.monotonic() - killed[words(number)[turn - 1]])
            killed[word] = time.monotonic()
            os.kill(int(word.split()[1]), signal.SIGKILL)
        until(lambda x=number: words(x)[each:], "it did not begin again")
        recovery.append(time.monotonic() - killed[words(number)[each - 1]])
    for number in runs:
        (tmp_path / f"go{number}").touch()
    ends = {number: platform.settled(run) for number, run in runs.items()}
    starts = len(log.read_text().splitlines())
    expected = {run["id"]: dict.fromkeys(("n0", "n1"), words(number)[-1]) for number, run in ends.items()}
    invariants.check(platform.place, [run["id"] for run in runs.values()], outputs=expected)
    assert starts == kills + len(runs)
    p99 = percentile(recovery, 0.99)
    record_row(
        "1",
        "kill -9 of the process of a running node (local)",
        times=kills,
        gate="all finish; executions <= kills + nodes; p99 recovery <= 1 s",
        measured=f"{len(ends)} of {len(ends)} runs, {starts} starts for {kills} kills, p99 {p99:.2f} s",
        held=p99 <= 1,
    )


CHAIN = ("import time; time.sleep(0.01); return x", "return x + 1", "return x * 2")


def outputs_of(x):
    return {"n0": x, "n1": x + 1, "n2": (x + 1) * 2}


def survives_kills(platform, kills, seed):
    """Kills and restarts it under load; gives the submitter, and the seconds until each restart was ready."""
    pipeline = platform.pipeline(platform.project(), *CHAIN)
    chance, seconds = random.Random(seed), []
    with Submitter(platform, pipeline, pause=0.01) as at_work:
        for _ in range(kills):
            at_work.more(3)
            time.sleep(chance.random() / 4)
            platform.kill_all()
            began = time.monotonic()
            platform.start()
            seconds.append(time.monotonic() - began)
        at_work.more(3)
    assert at_work.refusals == []
    for run in at_work.runs.values():
        platform.settled(run)
    expected = {run["id"]: outputs_of(int(key.split("-")[1])) for key, run in at_work.runs.items()}
    seen = invariants.check(platform.place, at_work.ids, outputs=expected, folder=platform.folder)
    keys = [run for run in seen.runs.values() if run["pipeline_id"] == pipeline["id"]]
    assert len(keys) - len(at_work.runs) in range(4), "a key began more than one run"
    return at_work, seconds


@pytest.mark.parametrize("kills", times(2, 50))
def test_a_platform_that_is_killed_loses_nothing_that_it_acknowledged(platform, record_row, kills):
    at_work, seconds = survives_kills(platform, kills, 1)
    record_row(
        "2",
        "kill -9 of the platform under load, SQLite",
        times=kills,
        gate="0 acknowledged runs lost",
        measured=f"0 of {len(at_work.runs)} lost, {at_work.losses} requests cut; "
        f"ready again in {percentile(seconds, 0.5):.2f} s (p50), {max(seconds):.2f} s (max)",
    )


@pytest.fixture
def on_postgres(postgres_server, make_killable, tmp_path):
    name = f"t{time.time_ns()}"
    with make_killable(tmp_path / "data", "--store", postgres_server.create(name)) as found:
        yield found.start()
    postgres_server.drop(name)


@pytest.mark.slow
def test_a_platform_on_postgresql_that_is_killed_loses_nothing_that_it_acknowledged(on_postgres, record_row):
    kills = max(2, int(25 * SHARE))
    at_work, seconds = survives_kills(on_postgres, kills, 2)
    record_row(
        "2",
        "kill -9 of the platform under load, PostgreSQL",
        times=kills,
        gate="0 acknowledged runs lost",
        measured=f"0 of {len(at_work.runs)} lost, {at_work.losses} requests cut; "
        f"ready again in {percentile(seconds, 0.5):.2f} s (p50), {max(seconds):.2f} s (max)",
    )


@pytest.mark.slow
def test_a_platform_with_ten_thousand_open_runs_is_soon_ready(make_killable, tmp_path, record_row):
    wanted = int(10_000 * SHARE)
    with make_killable(tmp_path / "data", "--durability", "relaxed") as platform:
        platform.start()
        hold = f"import os, time\nwhile not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.05)\nreturn x"
        pipeline = platform.pipeline(platform.project(), hold, "return x")
        with Submitter(platform, pipeline, threads=8) as at_work:
            until(lambda: len(at_work.runs) >= wanted, "too few runs were accepted", 600)
        platform.kill()
        began = time.monotonic()
        platform.start()
        seconds = time.monotonic() - began
        platform.kill()  # once more, while what was left open is still taken up
        platform.start()
        (tmp_path / "go").touch()
        some = list(at_work.runs.items())[:: max(1, len(at_work.runs) // 200)]
        for _, run in some:
            platform.settled(run)
        x = {run["id"]: int(key.split("-")[1]) for key, run in some}
        expected = {id: {"n0": value, "n1": value} for id, value in x.items()}
        invariants.check(platform.place, list(expected), outputs=expected)
        invariants.check(platform.place, at_work.ids, settled=False)
        record_row(
            "2",
            f"restart with {wanted:,} open runs",
            times=1,
            gate="ready in <= 2 s",
            measured=f"{seconds:.2f} s with {len(at_work.runs)} open runs",
            held=seconds <= 2,
        )


# --- row 3 --------------------------------------------------

SWITCHED = {crashes.SWITCH: "1"}


#: With a value that is too large for its row, and is passed on.
LARGE = (*CHAIN, "return str(x) * 9000", "return len(x)")


def large_outputs_of(x):
    found = outputs_of(x)
    text = str(found["n2"]) * 9000
    return found | {"n3": text, "n4": len(text)}


class Stubborn:
    """Uploads files and begins runs; what was not answered is asked again, of whatever platform is there then."""

    def __init__(self, platform):
        self.platform = platform
        project = platform.project()
        self.pipeline = platform.pipeline(project, *LARGE)
        self.dataset = platform.dataset(project)
        self.runs, self.files, self.open, self.number = {}, {}, [], 0

    def work(self):
        """One piece of work, and what is left of those before. False if the platform is gone."""
        self.number += 1
        self.open.append(self.number)
        with contextlib.suppress(requests.RequestException):
            for number in list(self.open):
                self._ask(number)
            self.open.clear()
            return True
        return False

    def _ask(self, number):
        if number not in self.files:
            answer = self.platform.upload(self.dataset, f"{number}.txt", f"bytes of {number}".encode())
            assert answer.status_code < 300, answer.text
            self.files[number] = answer.json()["id"]
        if number not in self.runs:
            answer = self.platform.submit(self.pipeline, f"k{number}", x=number)
            assert answer.status_code < 300, answer.text
            self.runs[number] = answer.json()

    def finish(self):
        assert self.work(), "the platform is gone"
        for run in self.runs.values():
            self.platform.settled(run)


def crash_at(stubborn, point):
    """Starts the platform with a death to come, and works until it dies of it."""
    platform = stubborn.platform
    platform.launch(**SWITCHED, **{crashes.AT: point})
    while platform.process.poll() is None:
        if platform.answers():
            while stubborn.work():
                pass
        time.sleep(0.005)
    died_as_told(platform, point)


def died_as_told(platform, point):
    status, said = platform.process.wait(300), platform.log()
    assert status == -signal.SIGKILL, f"{point}: {status} {said}"
    assert crashes.LAST_WORDS.format(point.split(":")[0]) in said


def survives_points(platform, points):
    stubborn = Stubborn(platform.start())
    platform.kill()
    for point in points:
        crash_at(stubborn, point)
        invariants.check(platform.place, [run["id"] for run in stubborn.runs.values()], settled=False)
    platform.start()
    stubborn.finish()
    expected = {run["id"]: large_outputs_of(number) for number, run in stubborn.runs.items()}
    seen = invariants.check(platform.place, list(expected), outputs=expected, folder=platform.folder)
    assert len(seen.runs) == len(expected), "a key began more than one run"
    if platform.place == platform.folder:  # otherwise only what is a day old is swept: it may be shared
        assert list((platform.folder / "blobs" / "tmp").iterdir()) == []
    return len(expected)


def test_a_death_at_named_points_loses_nothing(make_killable, tmp_path, record_row):
    points = ("before commit:4", "after commit:4", "before row:2", "after hand-out:3", "before report:3")
    with make_killable(tmp_path / "data") as platform:
        runs = survives_points(platform, points)
        record_row(
            "3",
            "death at a named point, some, SQLite",
            times=len(points),
            gate="I1 to I6 after each",
            measured=f"{len(points)} of {len(points)}, {runs} runs",
        )


@pytest.mark.slow
@pytest.mark.parametrize("store", ["SQLite", "PostgreSQL"])
def test_a_death_at_every_named_point_loses_nothing(make_killable, tmp_path, request, record_row, store):
    points = [f"{point}:{nth}" for nth in ((1, 2, 5) if SHARE >= 1 else (2,)) for point in crashes.POINTS]
    options = ["--store", request.getfixturevalue("database")] if store == "PostgreSQL" else []
    with make_killable(tmp_path / "data", *options) as platform:
        runs = survives_points(platform, points)
        record_row(
            "3",
            f"death at every named point, {store}",
            times=len(points),
            gate="I1 to I6 after each",
            measured=f"{len(points)} of {len(points)}, {runs} runs",
        )


@pytest.mark.slow
def test_a_death_while_many_ask_leaves_each_key_one_run(make_killable, tmp_path):
    """The deaths of row 3, with several requests in each batch."""
    with make_killable(tmp_path / "data") as platform:
        platform.start()
        pipeline = platform.pipeline(platform.project(), "return x")
        platform.kill()
        with Submitter(platform, pipeline, threads=6) as at_work:
            platform.launch(**SWITCHED, **{crashes.AT: "after commit:12"})
            died_as_told(platform, "after commit")
            platform.start()
            at_work.more(6)
        for run in at_work.runs.values():
            platform.settled(run)
        seen = invariants.check(platform.place, at_work.ids)
        assert len(seen.runs) - len(at_work.runs) in range(7)


@pytest.mark.slow
@pytest.mark.parametrize("store", ["SQLite", "PostgreSQL"])
def test_a_death_between_a_large_value_and_its_row_leaves_nothing_but_a_file_to_sweep(
    make_killable, tmp_path, request, record_row, store
):
    """Each value is another one, so that what was written before the death is never written again."""
    deaths = max(2, int(10 * SHARE))
    options = ["--store", request.getfixturevalue("database")] if store == "PostgreSQL" else []
    with make_killable(tmp_path / "data", *options) as platform:
        platform.start()
        pipeline = platform.pipeline(platform.project(), "import os; return os.urandom(8000).hex()", "return len(x)")
        platform.kill()
        with Submitter(platform, pipeline, threads=2) as at_work:
            for number in range(deaths):
                platform.launch(**SWITCHED, **{crashes.AT: f"before row:{number % 3 + 1}"})
                died_as_told(platform, "before row")
                invariants.check(platform.place, at_work.ids, settled=False, folder=platform.folder)
            platform.start()
            at_work.more(2)
        for run in at_work.runs.values():
            assert platform.settled(run)["status"] == "success"
        platform.kill()
        seen = invariants.check(platform.place, at_work.ids, folder=platform.folder)
        assert len(seen.runs) - len(at_work.runs) in range(3), "a key began more than one run"
        with closing(open_store(platform.folder, options[1] if options else None)) as opened:
            orphans = set(opened.blobs) - seen.blobs
            assert opened.blobs.sweep(_Named(opened), older_than=-3600.0) == len(orphans)
        assert len(orphans) >= deaths - 2
        invariants.check(platform.place, at_work.ids, folder=platform.folder)
        record_row(
            "3",
            f"death between a large value's file and its row, {store}",
            times=deaths,
            gate="I1 to I6 after each; a sweep takes what was left",
            measured=f"{len(seen.runs)} runs, {len(orphans)} files were left and swept",
        )


class _Named:
    """What a platform's own sweep asks of its store."""

    def __init__(self, store):
        self.store = store

    def __contains__(self, name):
        return self.store.inspection.names(name)
