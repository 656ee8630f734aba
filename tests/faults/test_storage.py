"""Rows 4 to 6: commits that are made and reported as failed, storage without room, storage that is held by others."""

from __future__ import annotations

import random
import resource
import sqlite3
import threading
from contextlib import closing, contextmanager
from typing import Never

import psycopg
import pytest

from mock_server.store.postgres import Postgres
from mock_server.store.sqlite import Sqlite
from tests.faults import invariants
from tests.faults.platforms import Inner, until
from tests.faults.rows import SHARE, times
from tests.faults.submitter import Submitter

CHAIN = ("return x", "return x + 1")


def outputs_of(x):
    return {"n0": x, "n1": x + 1}


# --- row 4 --------------------------------------------------


class Liar:
    """Makes COMMITs of the writer, and then raises what a driver raises that has lost the answer."""

    def __init__(self, monkeypatch, lies):
        self.lies, self.told, self.made = lies, 0, 0
        for dialect in (Sqlite, Postgres):
            monkeypatch.setattr(dialect, "connect", self._lying(dialect.connect))

    def _lying(self, connect):
        def connected(dialect, *, writer):
            db = connect(dialect, writer=writer)
            if writer:
                honest = db.commit

                def commit():
                    honest()
                    self.made += 1
                    if self.lies(self.made):
                        self.told += 1
                        self._raise(db)

                db.commit = commit
            return db

        return connected

    @staticmethod
    def _raise(db) -> Never:
        if isinstance(db.raw, sqlite3.Connection):
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error
        db.connection.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")


def keeps_its_word(platform, liar, runs, lies):
    """Begins so many runs, insisting on each; asserts that each key has one run, and each node one completion."""
    pipeline = platform.pipeline(platform.project(), *CHAIN)
    liar.lies, before = lies, liar.made
    with Submitter(platform, pipeline, threads=2) as at_work:
        until(lambda: len(at_work.runs) >= runs, "too few runs", 600)
    ends = {key: platform.settled(run) for key, run in at_work.runs.items()}
    liar.lies = lambda _made: False
    at_work.only_refused_for_a_moment()
    expected = {run["id"]: outputs_of(int(key.split("-")[1])) for key, run in ends.items()}
    seen = invariants.check(platform.place, at_work.ids, outputs=expected, folder=platform.local.data_dir)
    of_pipeline = [run for run in seen.runs.values() if run["pipeline_id"] == pipeline["id"]]
    assert len(of_pipeline) - len(at_work.runs) in range(3), "a key began more than one run"
    assert liar.told
    return f"{liar.told} lies in {liar.made - before} commits; {len(ends)} keys, {len(ends)} runs"


@pytest.fixture
def open_platform(tmp_path, request):
    """Opens a platform in this process on either store."""

    @contextmanager
    def opened(store, **settings):
        if store == "PostgreSQL":
            settings["store"] = request.getfixturevalue("database")
        with Inner(tmp_path / "data", **settings) as found:
            yield found

    return opened


@pytest.mark.parametrize("store", ["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("rate", "runs"), [(0.2, 20), pytest.param(0.01, max(200, int(2000 * SHARE)), marks=pytest.mark.slow)]
)
def test_a_commit_that_is_made_and_reported_as_failed_doubles_nothing(
    open_platform, monkeypatch, record_row, store, rate, runs
):
    chance = random.Random(4)
    liar = Liar(monkeypatch, lambda _made: False)
    with open_platform(store) as platform:
        measured = keeps_its_word(platform, liar, runs, lambda _made: chance.random() < rate)
    record_row(
        "4",
        f"COMMIT made, then the driver raises: {rate:.0%} of all, {store}",
        times=runs,
        gate="I2, no run twice",
        measured=measured,
    )


@pytest.mark.slow
@pytest.mark.parametrize("store", ["SQLite", "PostgreSQL"])
def test_whichever_commit_is_reported_as_failed_once_nothing_is_doubled(open_platform, monkeypatch, record_row, store):
    liar, told, runs = Liar(monkeypatch, lambda _made: False), 0, []
    with open_platform(store) as platform:
        pipeline = platform.pipeline(platform.project(), *CHAIN)
        for nth in range(1, 9):  # more commits than a run has
            at = liar.made + nth
            liar.lies = lambda made, at=at: made == at
            before = liar.told
            while (answer := platform.submit(pipeline, f"k{nth}", x=nth)).status_code != 200:
                assert (answer.status_code, bool(answer.headers["Retry-After"])) == (503, True)
            runs.append(platform.settled(answer.json()))
            told += liar.told - before
        expected = {run["id"]: outputs_of(number + 1) for number, run in enumerate(runs)}
        seen = invariants.check(platform.place, list(expected), outputs=expected)
    assert len(seen.runs) == len(runs)
    record_row(
        "4",
        f"COMMIT made, then the driver raises: the 1st, 2nd, ... of a run, {store}",
        times=told,
        gate="I2, no run twice",
        measured=f"{len(runs)} keys, {len(seen.runs)} runs",
    )


# --- row 5 --------------------------------------------------

BIG = "x" * 50_000


class Room:
    """How the storage is filled, and given room again."""

    def __init__(self, fill, free):
        self.fill, self.free = fill, free


def statuses_without_room(platform, pipeline, dataset, tries=400):
    """Begins runs and uploads files until both are refused for want of room; (acknowledged runs, statuses, items)."""
    runs, items, refused = [], [], {"run": set(), "file": set()}
    for number in range(tries):
        answer = platform.submit(pipeline, f"full{number}", x=BIG)
        runs += [answer.json()] if answer.status_code < 300 else []
        refused["run"] |= {answer.status_code} if answer.status_code >= 300 else set()
        answer = platform.upload(dataset, f"{number}.bin", random.Random(number).randbytes(200_000))
        items += [answer.json()["id"]] if answer.status_code < 300 else []
        refused["file"] |= {answer.status_code} if answer.status_code >= 300 else set()
        if refused["run"] and refused["file"]:
            break
    return runs, refused, items


def lives_through_a_full_disk(platform, room, rounds):
    """(the statuses of refusals, the number of acknowledged runs): fills the disk, frees it, and finds all again."""
    project = platform.project()
    pipeline, dataset = platform.pipeline(project, "return len(x)"), platform.dataset(project)
    told, kept = set(), []
    for _ in range(rounds):
        room.fill()
        runs, refused, items = statuses_without_room(platform, pipeline, dataset)
        assert refused["run"], "the storage never was full"
        told |= refused["run"] | refused["file"]
        assert platform.ok("GET", f"/pipelines/{pipeline['id']}")["id"] == pipeline["id"]  # it still reads
        room.free()
        kept += runs
        key = f"after{len(kept)}"
        kept.append(until(lambda key=key: _accepted(platform.submit(pipeline, key, x=BIG)), "it does not recover"))
        for item in items:
            assert platform.ok("GET", f"/items/{item}")["id"] == item
        for run in kept:
            assert platform.settled(run)["status"] == "success"
    expected = {run["id"]: {"n0": len(BIG)} for run in kept}
    invariants.check(platform.place, list(expected), outputs=expected)
    return told, len(kept)


def gate_of_a_full_disk(record_row, fault, rounds, told, kept):
    assert told <= {503, 507}, told
    record_row(
        "5",
        fault,
        times=rounds,
        gate="507 or 503, never 2xx; recovers",
        measured=f"{', '.join(map(str, sorted(told)))}; 0 of {kept} acknowledged runs lost",
    )


@pytest.mark.parametrize("rounds", times(1, 20))
def test_a_database_that_may_not_grow_refuses_and_recovers(inner, record_row, rounds):
    def pragma(tx, pages):
        return tx._db.raw.execute(f"PRAGMA max_page_count={pages}").fetchone()[0]

    def fill():
        used = inner.local.store.write(lambda tx: tx._db.raw.execute("PRAGMA page_count").fetchone()[0])
        inner.local.store.write(lambda tx: pragma(tx, used + 60))

    room = Room(fill, lambda: inner.local.store.write(lambda tx: pragma(tx, 1 << 30)))
    project = inner.project()
    pipeline, kept, told = inner.pipeline(project, "return len(x)"), [], set()
    for turn in range(rounds):
        room.fill()
        for number in range(400):
            answer = inner.submit(pipeline, f"{turn}-{number}", x=BIG)
            if answer.status_code >= 300:
                told.add(answer.status_code)
                break
            kept.append(answer.json())
        assert told, "the storage never was full"
        room.free()
        kept.append(
            until(lambda key=f"again{turn}": _accepted(inner.submit(pipeline, key, x=BIG)), "it does not recover")
        )
        for run in kept:
            assert inner.settled(run)["status"] == "success"
    expected = {run["id"]: {"n0": len(BIG)} for run in kept}
    invariants.check(inner.place, list(expected), outputs=expected)
    gate_of_a_full_disk(record_row, "SQLite at max_page_count", rounds, told, len(kept))


def _accepted(answer):
    return answer.json() if answer.status_code < 300 else None


@pytest.mark.parametrize("rounds", times(1, 20))
def test_files_that_may_not_grow_are_refused_and_it_recovers(make_killable, tmp_path, record_row, rounds):
    with make_killable(tmp_path / "data") as platform:
        platform.start()

        def largest():
            return max(file.stat().st_size for file in platform.folder.rglob("*") if file.is_file())

        def limit(size):
            resource.prlimit(platform.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

        room = Room(lambda: limit(max(150_000, largest() + 100_000)), lambda: limit(resource.RLIM_INFINITY))
        told, kept = lives_through_a_full_disk(platform, room, rounds)
        gate_of_a_full_disk(record_row, "RLIMIT_FSIZE: database, log and files", rounds, told, kept)


# --- row 6 --------------------------------------------------


@contextmanager
def locked(folder):
    """Another program holds the database."""
    with closing(sqlite3.connect(folder / "store.sqlite3", isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_a_database_that_others_hold_for_too_long_is_a_503_with_a_time_to_come_back(tmp_path, monkeypatch):
    monkeypatch.setattr("mock_server.store.sqlite._LOCK_WAIT", 0.2)
    with Inner(tmp_path / "data") as platform:
        pipeline = platform.pipeline(platform.project(), *CHAIN)
        early = platform.execute(pipeline, x=0)
        with locked(platform.place):
            answers = [platform.submit(pipeline, f"k{number}", x=number) for number in range(3)]
            assert platform.ok("GET", f"/pipelines/{pipeline['id']}")["id"] == pipeline["id"]  # it still reads
        assert {(each.status_code, bool(each.headers.get("Retry-After"))) for each in answers} == {(503, True)}
        late = until(lambda: _accepted(platform.submit(pipeline, "k0", x=0)), "it does not recover")
        expected = {platform.settled(run)["id"]: outputs_of(0) for run in (early, late)}
        seen = invariants.check(platform.place, list(expected), outputs=expected)
        assert len(seen.runs) == 2


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [10, 20])
def test_a_database_that_others_hold_loses_nothing(platform, record_row, seconds):
    pipeline = platform.pipeline(platform.project(), *CHAIN)
    with Submitter(platform, pipeline, pause=0.01) as at_work:
        at_work.more()
        with locked(platform.folder):
            threading.Event().wait(seconds)
        at_work.more()
    at_work.only_refused_for_a_moment()
    for run in at_work.runs.values():
        platform.settled(run)
    expected = {run["id"]: outputs_of(int(key.split("-")[1])) for key, run in at_work.runs.items()}
    invariants.check(platform.place, at_work.ids, outputs=expected)
    record_row(
        "6",
        f"BEGIN IMMEDIATE held by another connection for {seconds} s",
        times=1,
        gate="no 500, only 503 with Retry-After; I1",
        measured=f"{len(at_work.refusals)} refusals, all 503; 0 of {len(at_work.runs)} runs lost",
    )
