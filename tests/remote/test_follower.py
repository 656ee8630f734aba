"""Two platforms on one database: one leads, the other one answers by its mouth, and takes over."""

from __future__ import annotations

import http.client
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

import dtlpipe as dl
from dtlpipe import LocalPlatform
from dtlpipe.runs import PipelineServiceClient
from mock_server.api.forwarding import FORWARDED, Leader
from mock_server.config import Settings
from tests.remote.stage import until, working


def add_one(x: int) -> int:
    return x + 1


def client_of(platform, stack):
    return stack.enter_context(platform.client())


@pytest.fixture(scope="module")
def pair(postgres_server, tmp_path_factory):
    """A leader and its follower, that a module shares."""
    name = f"t{uuid4().hex}"
    with both(postgres_server.create(name), tmp_path_factory.mktemp("pair")) as found:
        yield found
    postgres_server.drop(name)


@contextmanager
def both(database, folder):
    settings = {"store": database, "grace": 1.0, "workers": 0, "standby": True, "synapse_port": 0} | {
        "threads": 8,
        "max_waiters": 4,
    }
    first, second = (LocalPlatform(folder / "data", **settings) for _ in range(2))
    with first, second:
        yield first, second


@pytest.fixture
def stack(pair):
    with ExitStack() as found:
        yield found


def ask(platform, method, path, headers=None, body=None):
    """Status, headers and body of an answer."""
    parts = urlsplit(platform.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def role(platform):
    return platform._local.role


def test_a_stream_of_events_comes_through_a_follower_as_it_happens(pair, stack):
    _, follower = pair
    parts = urlsplit(follower.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    stack.callback(connection.close)
    connection.request("GET", "/api/v1/platform/events", headers={"Accept": "text/event-stream"})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    stack.callback(answer.close)
    client = client_of(follower, stack)
    project = client.projects.create("events")
    pipeline = project.pipelines.create("p")
    pipeline.nodes.add(dl.CodeNode(name="n", project_id=project.id, project_name=project.name, method=add_one))
    pipeline.update()
    pipeline.install()
    pipeline.execute({"x": 1})
    lines = iter(answer.readline, b"")
    assert any(b"run.started" in line for line in lines)


def test_more_streams_come_through_a_follower_than_it_has_threads_and_end_with_those_who_listen(pair):
    leader, follower = pair
    assert follower.run_service_url != leader.run_service_url
    with PipelineServiceClient(follower.run_service_url) as client:
        pipeline = client.create_pipeline("followed", [{"name": "a", "entrypoint": "elsewhere.A"}])
        run = client.create_run(pipeline["id"])
        others = len(leader.platform.feed)
        with ExitStack() as listening:
            streams = [client.stream_progress(run["id"]) for _ in range(3 * follower.settings.threads)]
            for each in streams:
                listening.callback(each.close)
                assert next(each).status == "pending"
            client.report_progress(run["id"], status="running")
            for each in streams:
                assert next(each).status == "running"
            assert len(leader.platform.feed) == others + len(streams)
        until(lambda: len(leader.platform.feed) == others)
        client.delete_run(run["id"])


@contextmanager
def listening(platform, run_id):
    """What a bare reader of a run's progress hears."""
    parts = urlsplit(platform.run_service_url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        connection.request("GET", f"{parts.path}/api/v1/runs/{run_id}/progress/stream")
        with connection.getresponse() as answer:
            assert (answer.status, answer.getheader("Transfer-Encoding")) == (200, "chunked")
            yield answer
    finally:
        connection.close()


def test_a_stream_that_is_over_has_its_end_for_whoever_listens_to_a_follower(pair):
    _, follower = pair
    with PipelineServiceClient(follower.run_service_url) as client:
        run = client.create_run(client.create_pipeline("over", [{"name": "a", "entrypoint": "elsewhere.A"}])["id"])
        with listening(follower, run["id"]) as answer:
            client.update_run(run["id"], status="completed")
            told = answer.read()  # to the last chunk: without it, this raises
        assert told.count(b"event: completed") == 1
        client.delete_run(run["id"])


def test_remote_workers_may_come_through_a_follower(pair, stack, tmp_path):
    leader, follower = pair
    with working(follower.url, tmp_path, labels=("far",)) as worker:
        client = client_of(follower, stack)
        project = client.projects.create("far")
        pipeline = project.pipelines.create("p")
        node = dl.CodeNode(name="n", project_id=project.id, project_name=project.name, method=add_one)
        node.metadata["serviceConfig"] = {"runtime": {"labels": ["far"]}}
        pipeline.nodes.add(node)
        pipeline.update()
        pipeline.install()
        run = pipeline.execute({"x": 1})
        assert run.wait().status == "success"
        (row,) = leader.store.executions_of([run.id])[run.id]
        assert row.worker == worker.id


def test_between_two_leaders_a_follower_says_when_to_ask_again(pair, monkeypatch):
    _, follower = pair
    forwarding = follower._local._follower.forwarding
    monkeypatch.setattr(follower._local._follower, "told", lambda leader: None)  # it waits on, and hears nothing
    monkeypatch.setattr(forwarding, "leader", forwarding.leader)
    for leader in (None, Leader("http://127.0.0.1:9", exposed=False)):  # nobody, or nobody at home
        forwarding.leader = leader
        for method, path in (("GET", "/api/v1/projects"), ("POST", "/api/v1/projects"), ("GET", "/health")):
            status, headers, _ = ask(follower, method, path)
            assert (status, headers["Retry-After"]) == (503, "1")


def test_followers_do_not_send_each_other_in_circles(pair):
    _, follower = pair
    status, _, body = ask(follower, "GET", "/api/v1/projects", headers={FORWARDED: "1"})
    assert status == 503
    assert b"another one for the platform that leads" in body


def test_a_follower_asks_itself_what_only_it_can_see(pair):
    _, follower = pair
    assert ask(follower, "GET", "/api/v1/projects", headers={"Host": "evil.example"})[0] == 403
    assert ask(follower, "POST", "/api/v1/projects", headers={"Origin": "http://evil.example"})[0] == 403
    own = {"Origin": follower.url, "Content-Type": "application/json"}
    assert ask(follower, "POST", "/api/v1/projects", headers=own, body=b'{"name": "mine"}')[0] == 200


def test_a_follower_that_anybody_can_reach_does_not_open_a_leader_that_trusts_its_own_machine(pair, monkeypatch):
    _, follower = pair
    open_to_all = Settings(data_dir=follower.data_dir, host="0.0.0.0", password="x")
    monkeypatch.setattr(follower._local._follower.forwarding, "_settings", open_to_all)
    status, _, body = ask(follower, "GET", "/api/v1/projects")
    assert status == 503
    assert b"lets in whoever comes from its own machine" in body


def test_a_request_with_a_body_in_pieces_arrives_whole(pair):
    _, follower = pair
    parts = urlsplit(follower.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        pieces = iter([b'{"name": ', b'"in ', b'pieces"}'])
        headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
        connection.request("POST", "/api/v1/projects", body=pieces, headers=headers, encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, b"in pieces" in answer.read()) == (200, True)
    finally:
        connection.close()


def test_a_follower_answers_as_its_leader_and_takes_over_when_that_ends(database, tmp_path):
    with both(database, tmp_path) as (leader, follower), ExitStack() as stack:
        play(leader, follower, stack, tmp_path)


def play(leader, follower, stack, tmp_path):
    assert (role(leader), role(follower)) == ("leader", "follower")
    client = client_of(follower, stack)
    project = client.projects.create("of both")
    dataset = project.datasets.create("files")
    picture = tmp_path / "big.bin"
    picture.write_bytes(bytes(range(256)) * 8192)
    item = dataset.items.upload(local_path=str(picture))
    seen = client_of(leader, stack)
    assert seen.projects.get(project_id=project.id).name == "of both"

    status, _, body = ask(follower, "GET", "/health")
    assert (status, b'"role":"follower"' in body) == (200, True)
    assert b'"role":"leader"' in ask(leader, "GET", "/health")[2]

    runs = stack.enter_context(PipelineServiceClient(follower.run_service_url))
    watched = runs.create_run(runs.create_pipeline("watched", [{"name": "a", "entrypoint": "elsewhere.A"}])["id"])
    progress = runs.stream_progress(watched["id"])
    stack.callback(progress.close)
    assert next(progress).status == "pending"
    bare = stack.enter_context(listening(follower, watched["id"]))
    runs.report_progress(watched["id"], status="running")

    leader.stop()
    with pytest.raises(http.client.IncompleteRead):  # it broke off, and does not look as if it were over
        bare.read()
    until(lambda: role(follower) == "leader")
    runs.report_progress(watched["id"], error="hm")
    runs.report_progress(watched["id"], status="failed")
    assert [(each.status, each.error) for each in progress] == [("running", None), ("running", "hm"), ("failed", "hm")]
    assert client.projects.get(project_id=project.id).name == "of both"
    assert client.items.get(item_id=item.id).download(save_locally=False).read() == picture.read_bytes()

    leader.start()  # it is the follower now
    assert role(leader) == "follower"
    leader.stop()
    assert role(leader) == "stopped"
    leader.start()
    assert ask(leader, "GET", f"/api/v1/projects/{project.id}")[0] == 200
