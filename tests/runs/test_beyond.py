"""What the run service does beyond the original: runs that go on elsewhere, events, other ends, strictness."""

from __future__ import annotations

import itertools

import attrs
import pytest
import requests

from dtlpipe.errors import Conflict
from dtlpipe.sansio.server_events import EventReader

DOUBLE = {"name": "double", "entrypoint": "odd.double"}
TWICE = {"name": "twice", "entrypoint": "odd.twice"}
FAIL = {"name": "twice", "entrypoint": "odd.FailAction"}
SLOW = {"name": "slow", "entrypoint": "odd.SlowAction"}


def post(client, path, body, status):
    answer = requests.post(f"{client.base_url}/api/v1{path}", json=body, timeout=30)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_run_goes_on_in_another_pipeline_as_far_as_their_actions_are_the_same(client):
    failed = client.wait(client.create_run(client.create_pipeline("one", [DOUBLE, FAIL])["id"], {"x": 1})["id"], 60)
    assert failed["status"] == "failed"
    other = client.create_pipeline("other", [DOUBLE, TWICE, {**DOUBLE, "name": "again"}])
    begun = post(client, f"/pipelines/{other['id']}/runs/", {"resume_from": failed["id"], "params": {"x": 50}}, 201)
    final = client.wait(begun["id"], 60)
    assert (final["resumed_from"], final["pipeline_id"]) == (failed["id"], other["id"])
    assert [each["status"] for each in final["progress"]] == ["skipped", "completed", "completed"]
    assert final["result"] == {"x": 6}
    merged = {"resume_from": failed["id"], "params": {"x": 50}, "params_policy": "merge"}
    assert client.wait(post(client, f"/pipelines/{other['id']}/runs/", merged, 201)["id"], 60)["result"] == {"x": 102}
    different = client.create_pipeline("different", [TWICE])
    anew = post(client, f"/pipelines/{different['id']}/runs/", {"resume_from": failed["id"]}, 201)
    assert [each["status"] for each in client.wait(anew["id"], 60)["progress"]] == ["completed"]


def test_a_run_all_of_which_is_done_is_completed_when_it_is_resumed(client):
    pipeline = client.create_pipeline("done", [DOUBLE])
    done = client.wait(client.create_run(pipeline["id"], {"x": 1})["id"], 60)
    again = client.resume_run(done["id"])
    assert (again["status"], again["result"], again["progress"][0]["status"]) == ("completed", {"x": 2}, "skipped")


@pytest.mark.parametrize("by", ["cancel", "progress"])
def test_what_runs_ends_when_it_is_asked_to_in_other_words(client, by):
    run = client.create_run(client.create_pipeline("slow", [SLOW])["id"])
    next(each for each in client.stream_progress(run["id"]) if each.status == "running")
    with pytest.raises(Conflict, match="still running"):
        client.resume_run(run["id"])
    over = post(client, f"/runs/{run['id']}/{by}", {"status": "cancelled"}, 200)
    assert (over["status"], over["progress"][0]["status"]) == ("cancelled", "failed")
    assert over["completed_at"]


def test_the_events_of_a_run_are_read_and_streamed_from_any_of_them_on(client):
    run = client.wait(client.create_run(client.create_pipeline("events", [DOUBLE])["id"], {"x": 1})["id"], 60)
    url = f"{client.base_url}/api/v1/runs/{run['id']}/events"
    events = requests.get(url, timeout=30).json()
    numbers = [each["id"] for each in events]
    assert numbers == sorted(numbers)
    kinds = [each["kind"] for each in events if each["kind"] != "progress"]
    assert [kinds[0], kinds[-1]] == ["run.started", "run.ended"]
    assert "execution.ended" in kinds
    some = requests.get(url, params={"after": numbers[2], "limit": 2}, timeout=30).json()
    assert some == events[3:5]
    for given in ({"params": {"after": numbers[2]}}, {"headers": {"Last-Event-ID": str(numbers[2])}}):
        headers = {"Accept": "text/event-stream", **given.pop("headers", {})}
        with requests.get(url, headers=headers, stream=True, timeout=30, **given) as answer:
            reader = EventReader()
            told = (each for piece in answer.iter_content(None) for each in reader.feed(piece))
            assert [int(each.id or 0) for each in itertools.islice(told, 3)] == numbers[3:6]


def test_a_strict_platform_keeps_the_status_of_a_run_that_is_over(client, platform, reported, monkeypatch):
    strict = attrs.evolve(platform.platform.settings, strict_runs=True)
    monkeypatch.setattr(platform.platform, "settings", strict)
    over = client.update_run(reported["id"], status="completed")
    assert client.update_run(reported["id"], status="completed") == over
    with pytest.raises(Conflict, match="completed already: it cannot be set to running"):
        client.update_run(reported["id"], status="running")
    assert client.get_run(reported["id"]) == over
