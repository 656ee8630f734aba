"""Remote workers and a platform, over HTTP: what they run, what they tell, how they come and go."""

from __future__ import annotations

from pathlib import Path

import pytest

import dtlpipe as dl
from dtlpipe import LocalPlatform
from mock_server.remote.link import Link, Refusal
from mock_server.remote.worker import RemoteWorker
from tests.remote.stage import at_desk, until, working


def double(x: int) -> int:
    print("doubling", x)
    return 2 * x


def huge(x: int) -> int:
    return 2**100 + x


def who(x: int) -> str:
    import os

    return f"{os.environ['DTLPIPE_URL']} {os.getppid()}"


def names_of(item: dl.Item) -> str:
    return item.download(save_locally=False).read().decode() + item.name


def wait_for(path: str) -> str:
    import time

    Path(path + ".begun").touch()
    while not Path(path).exists():
        time.sleep(0.02)
    return "ended"


def failing(x: int) -> int:
    raise ValueError(f"no {x}")


@pytest.fixture(scope="module")
def worker(desk, tmp_path_factory):
    with working(desk.platform.url, tmp_path_factory.mktemp("worker")) as found:
        yield found


def outputs_of(desk, run):
    return desk.row(run).output


def test_a_run_goes_through_a_remote_worker_with_its_lines_and_who_ran_it(desk, worker):
    run = desk.pipeline(double).execute({"x": 21})
    assert run.wait().status == "success"
    row = desk.row(run)
    assert row.output == {"output": 42}
    assert row.worker == worker.id
    assert [line.message for line in desk.platform.store.logs(execution_ids=[row.id])] == ["doubling 21"]


def test_large_integers_arrive_as_they_are(desk, worker):
    run = desk.pipeline(huge).execute({"x": 1})
    assert run.wait().status == "success"
    assert outputs_of(desk, run) == {"output": 2**100 + 1}


def test_a_failure_arrives_with_its_traceback(desk, worker):
    run = desk.pipeline(failing).execute({"x": 1})
    assert run.wait().status == "failed"
    error = desk.row(run).error
    assert (error["type"], error["message"], error["cause"]) == ("ValueError", "no 1", "exception")
    assert "failing" in error["traceback"]


def test_labels_choose_the_worker_whose_own_way_to_the_platform_node_code_takes(desk, worker, tmp_path):
    run = desk.pipeline(who, {"runtime": {"labels": ["gpu"]}}).execute({"x": 1})
    plain = desk.pipeline(double).execute({"x": 1})
    assert plain.wait().status == "success"
    assert desk.row(run).worker is None
    assert desk.row(run).message == "waiting for a worker with the labels gpu"
    url = f"http://localhost:{desk.platform.url.rpartition(':')[2]}"
    with working(url, tmp_path, labels=("gpu", "big")) as gpu:
        assert run.wait().status == "success"
        assert desk.row(run).worker == gpu.id
        assert outputs_of(desk, run)["output"].startswith(f"{url} ")


def test_labels_that_are_none_are_refused(desk):
    with pytest.raises(dl.exceptions.BadRequest, match="labels"):
        desk.pipeline(double, {"runtime": {"labels": "gpu"}})


def test_a_cancel_ends_the_job_at_the_worker(desk, worker, tmp_path):
    run = desk.pipeline(wait_for).execute({"path": str(tmp_path / "never")})
    until(lambda: (tmp_path / "never.begun").exists())
    run.terminate()
    until(lambda: desk.row(run).status == "terminated")
    until(lambda: not worker._held and not worker._running)


def test_a_worker_that_drains_takes_no_more_and_gives_back_what_does_not_end(desk, tmp_path):
    label = {"runtime": {"labels": ["drained"]}}
    path = tmp_path / "go"
    pipeline = desk.pipeline(wait_for, label)
    with working(desk.platform.url, tmp_path, labels=("drained",), grace=0.2) as first:
        run = pipeline.execute({"path": str(path)})
        until(lambda: (tmp_path / "go.begun").exists())
        assert desk.row(run).worker == first.id
    until(lambda: desk.row(run).worker is None)
    assert desk.row(run).attempt == 1
    path.touch()
    with working(desk.platform.url, tmp_path, labels=("drained",)) as second:
        assert run.wait().status == "success"
        row = desk.row(run)
        assert (row.attempt, row.worker, row.fence) == (1, second.id, 2)


def test_a_worker_of_another_version_is_refused_by_both_names(desk, tmp_path, monkeypatch):
    monkeypatch.setattr("mock_server.executors.remote_wire.PROTOCOL", 99)
    with Link([desk.platform.url]) as link:
        worker = RemoteWorker(link, name="old", slots=1, folder=tmp_path)
        with pytest.raises(Refusal, match=r"speaks version 99 .* this platform version 1"):
            worker.start()


def test_an_exposed_platform_takes_workers_with_a_token_alone(tmp_path):
    with LocalPlatform(host="0.0.0.0", password="secret", workers=0) as platform:
        with Link([platform.url]) as link, pytest.raises(Refusal, match="token"):
            RemoteWorker(link, name="w", slots=1, folder=tmp_path).start()
        with working(platform.url, tmp_path, token=platform.token()) as worker:
            assert [each["id"] for each in platform.platform.workers.list()] == [worker.id]
            assert "DTLPIPE_TOKEN" in worker._environment()


def test_local_places_are_taken_first_and_remote_ones_when_they_are_full(tmp_path):
    with at_desk(workers=1) as desk, working(desk.platform.url, tmp_path) as worker:
        pipeline = desk.pipeline(wait_for)
        runs = [pipeline.execute({"path": str(tmp_path / f"go{number}")}) for number in range(3)]
        for number in range(3):
            until(lambda: (tmp_path / f"go{number}.begun").exists())  # noqa: B023 - asked at once
        for number in range(3):
            (tmp_path / f"go{number}").touch()
        for run in runs:
            assert run.wait().status == "success"
        assert sorted(desk.row(run).worker or "" for run in runs) == ["", worker.id, worker.id]


def test_a_platform_that_restarts_finds_its_workers_at_their_work(tmp_path):
    with at_desk(durability="strict") as desk, working(desk.platform.url, tmp_path) as worker:
        pipeline = desk.pipeline(wait_for)
        runs = [pipeline.execute({"path": str(tmp_path / f"go{number}")}) for number in range(2)]
        until(lambda: all((tmp_path / f"go{number}.begun").exists() for number in range(2)))
        desk.platform.stop()
        (tmp_path / "go0").touch()  # ends while the platform is away
        until(lambda: len(worker._running) == 1)
        desk.platform.start()
        assert runs[0].wait().status == "success"
        (tmp_path / "go1").touch()
        assert runs[1].wait().status == "success"
        for run in runs:
            row = desk.row(run)
            assert (row.fence, row.attempt, row.worker) == (1, 1, worker.id), "nothing ran twice"
        assert desk.refused == 0
