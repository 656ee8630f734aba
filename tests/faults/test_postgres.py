"""A platform on PostgreSQL: the platform killed, the database restarted, two platforms on one database."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import psycopg
import pytest
import requests

import dtlpipe as dl
from dtlpipe import LocalPlatform
from tests.faults import invariants
from tests.faults.rows import times
from tests.faults.submitter import Submitter
from tests.postgres import Server
from tests.wire import Proxy

pytestmark = pytest.mark.slow


def leads(platform):
    answer = platform.session.get(f"http://127.0.0.1:{platform.port}/health", timeout=5)
    return answer.json().get("role") == "leader"


def add_one(x: int) -> int:
    return x + 1


@pytest.fixture(scope="module")
def server(private_server: Server):
    return private_server


@pytest.fixture
def killable(server, make_killable, tmp_path):
    """A platform on a database of its own, in a process of its own."""
    name = f"t{time.time_ns()}"
    with make_killable(tmp_path / "data", "--store", server.create(name)) as found:
        found.start()
        yield found
    server.drop(name)


def restart(server, mode="fast"):
    """As an administrator does it: `pg_ctl restart`."""
    subprocess.run(
        [*server.control, "-m", mode, "-s", "restart"], check=True, stdin=subprocess.DEVNULL, **server.become
    )


def successes(killable, runs, nodes):
    for run in runs:
        ended = killable.settled(run)
        assert ended["status"] == "success", ended["error"]
        executions = [each for found in ended["executions"].values() for each in found]
        assert len(executions) == nodes
        assert all(each["latestStatus"]["status"] == "success" for each in executions)


MODES = ("fast", "immediate")


@pytest.mark.parametrize("restarts", times(2, 20))
def test_a_restart_of_the_database_refuses_for_a_moment_and_loses_nothing(killable, server, record_row, restarts):
    pipeline = killable.pipeline(killable.project(), "return x", "return x + 1")
    with Submitter(killable, pipeline) as at_work:
        for number in range(restarts):
            at_work.more()
            restart(server, MODES[number % 2])
        at_work.more()
    at_work.only_refused_for_a_moment()
    successes(killable, at_work.runs.values(), 2)
    given = {run["id"]: int(key.split("-")[1]) for key, run in at_work.runs.items()}
    expected = {id: {"n0": x, "n1": x + 1} for id, x in given.items()}
    invariants.check(killable.place, at_work.ids, outputs=expected, folder=killable.folder)
    record_row(
        "6",
        "restart of PostgreSQL under load, fast and immediate",
        times=restarts,
        gate="no 500, only 503 with Retry-After; I1",
        measured=f"{len(at_work.refusals)} refusals, all 503; 0 of {len(at_work.runs)} runs lost",
    )


def test_what_was_in_flight_goes_on_after_a_restart_without_anybody_asking(killable, server, tmp_path):
    log = tmp_path / "log"
    body = f"import time; open({str(log)!r}, 'a').write('x'); time.sleep(0.5); return x"
    pipeline = killable.pipeline(killable.project(), body, "return x")
    runs = [killable.execute(pipeline, x=number) for number in range(4)]
    while not log.exists():
        time.sleep(0.01)
    subprocess.run([*server.control, "-m", "immediate", "-s", "stop"], check=True, **server.become)
    time.sleep(2)  # the results come while nobody can take them
    subprocess.run(
        [*server.control, "-s", "start"],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        **server.become,
    )
    with psycopg.connect(killable.options[1]) as connection:  # nobody asks the platform
        deadline = time.monotonic() + 30
        while True:
            (left,) = connection.execute("SELECT count(*) FROM run WHERE NOT over").fetchone()
            connection.rollback()
            if not left:
                break
            assert time.monotonic() < deadline, killable.log()
            time.sleep(0.05)
    successes(killable, runs, 2)


def test_a_commit_whose_answer_is_lost_begins_no_run_twice(server, tmp_path):
    """Whoever repeats the request with its key is given the run that there is, if there is one."""
    url = server.create(f"t{time.time_ns()}")
    with (
        Proxy(url) as wire,
        LocalPlatform(tmp_path / "data", store=wire.url, workers=1) as platform,
        platform.client() as client,
    ):
        project = client.projects.create(project_name="wire")
        pipeline = project.pipelines.create(name="one")
        node = dl.CodeNode(name="n", method=add_one, project_id=project.id, project_name=project.name)
        pipeline.nodes.add(node)
        pipeline.update()
        pipeline.install()
        for _ in range(8):
            assert pipeline.execute(execution_input={"x": 1}).wait(timeout=60).status == "success"
        store, runs = platform.store, []
        for number in range(6):
            wire.cut_at(1 + number % 3, forward=number % 2 == 0)
            request = {"json": {"pipeline": {"input": {"x": 1}}}, "headers": {"Idempotency-Key": f"k{number}"}}
            address = f"{platform.api_url}/pipelines/{pipeline.id}/execute"
            while (answer := requests.post(address, timeout=60, **request)).status_code != 200:
                assert answer.status_code == 503, answer.text
                assert answer.headers["Retry-After"]
            runs.append(answer.json()["id"])
        for run in runs:
            assert pipeline.pipeline_executions.get(run).wait(timeout=60).status == "success"
        assert len(set(runs)) == 6
        found, total = store.find_runs()
        assert total == 8 + 6
        executions = store.executions_of([each.id for each in found])
        assert all([each.status for each in rows] == ["success"] for rows in executions.values())


def test_a_second_platform_is_refused_and_a_standby_takes_over_when_the_first_is_killed(
    killable, make_killable, tmp_path
):
    pipeline = killable.pipeline(killable.project(), "import time; time.sleep(0.2); return x", "return x")
    command = [sys.executable, "-m", "dtlpipe.cli", "platform", "start", "--port", "0", "--data", str(killable.folder)]
    refused = subprocess.run([*command, *killable.options], check=False, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1
    assert "another platform has" in refused.stderr
    assert f"process {killable.process.pid}" in refused.stderr
    assert "--standby" in refused.stderr
    with make_killable(killable.folder, *killable.options, "--standby") as standby:
        standby.launch()
        standby.said("standing by")
        runs = [killable.execute(pipeline, x=number) for number in range(5)]
        killable.kill()
        standby.ready()
        successes(standby, runs, 2)
        successes(standby, [standby.execute(pipeline, x=9)], 2)
        standby.process.send_signal(signal.SIGTERM)
        assert standby.process.wait(30) == 0


def test_a_standby_that_waits_ends_when_it_is_told_to(killable, make_killable):
    with make_killable(killable.folder, *killable.options, "--standby") as standby:
        standby.launch()
        standby.said("standing by")
        standby.process.send_signal(signal.SIGINT)
        assert standby.process.wait(30) == 0
    assert killable.project()


def test_code_of_a_leader_that_was_deposed_ends_before_the_next_one_runs_it(killable, make_killable, tmp_path):
    log = tmp_path / "log"
    note = f"open({str(log)!r}, 'a').write"
    body = f"import os, time; {note}(f'begin {{os.getppid()}}\\n'); time.sleep(4); {note}('end\\n'); return x"
    pipeline = killable.pipeline(killable.project(), body)
    with make_killable(killable.folder, *killable.options, "--standby") as standby:
        standby.launch()
        standby.said("standing by")
        run = killable.execute(pipeline, x=1)
        while not log.exists() or "begin" not in log.read_text():
            time.sleep(0.01)
        with psycopg.connect(killable.options[1], autocommit=True) as connection:
            deadline = time.monotonic() + 30
            while not leads(standby):
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid) "
                    "WHERE locktype = 'advisory' AND classid = 1685351536 AND application_name LIKE %s",
                    (f"%process {killable.process.pid} on%",),
                )
                assert time.monotonic() < deadline
                time.sleep(0.1)
        successes(standby, [run], 1)
    said = log.read_text().splitlines()
    assert [line.split()[0] for line in said] == ["begin", "begin", "end"]
    assert said[0] != said[1]


def test_a_leader_whose_session_is_gone_cannot_write_while_another_leads(killable, make_killable):
    """Both live: the first has lost its session, and the second has taken over before the first noticed."""
    project = killable.project()
    with make_killable(killable.folder, *killable.options, "--standby") as standby:
        standby.launch()
        standby.said("standing by")
        with psycopg.connect(killable.options[1], autocommit=True) as connection:
            deadline = time.monotonic() + 30
            while not leads(standby):
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid) "
                    "WHERE locktype = 'advisory' AND application_name LIKE %s",
                    (f"%process {killable.process.pid} on%",),
                )
                assert time.monotonic() < deadline
                time.sleep(0.1)
        answer = killable.session.post(
            f"{killable.api}/projects", json={"name": "late"}, headers={"Idempotency-Key": "k"}, timeout=30
        )
        assert answer.status_code == 503, answer.text
        assert answer.headers["Retry-After"]
        assert "another platform has" in answer.text
        assert killable.ok("GET", f"/projects/{project['id']}")["id"] == project["id"]  # it still reads
        assert standby.project()
        standby.kill()
        assert killable.project()  # nobody else has it now
