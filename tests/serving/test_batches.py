"""Batches of a served pipeline in one request, pictures, and pipelines that are served by name."""

from __future__ import annotations

import json

import openai

from dtlpipe import graph
from dtlpipe.serving import Client
from tests.serving.conftest import Http
from tests.serving.test_jobs import finished


def test_a_batch_says_what_each_of_its_items_came_to(http: Http):
    items = [{"text": "a"}, {"text": 1}, {"text": "b", "times": 2}]
    whole = http.post("/shout/batch", json={"items": items}).json()
    assert (whole["total"], whole["succeeded"], whole["failed"]) == (3, 2, 1)
    assert [each.get("result") for each in whole["results"]] == ["A", None, "BB"]
    assert whole["results"][1]["status"] == 422
    assert whole["results"][1]["error"][0]["loc"] == ["body", "text"]


def test_a_batch_of_lines_is_answered_line_by_line(http: Http):
    lines = "\n".join(json.dumps({"text": str(number)}) for number in range(20))
    headers = {"Content-Type": "application/x-ndjson", "Accept": "application/x-ndjson"}
    answer = http.post("/shout/batch", data=lines, headers=headers, params={"concurrency": 3})
    assert answer.headers["content-type"] == "application/x-ndjson"
    told = [json.loads(line) for line in answer.text.splitlines()]
    assert {each["index"]: each["result"] for each in told} == {number: str(number) for number in range(20)}


def test_streams_in_a_batch_are_their_texts(http: Http):
    whole = http.post("/streams/batch", json=[{"size": 2}, {"kind": "fails"}]).json()
    assert whole["results"][0]["result"] == "0;1;"
    assert not whole["results"][1]["ok"]


def test_a_batch_that_cannot_be_read_is_refused(http: Http):
    assert http.post("/shout/batch", json={"items": "many"}).status_code == 422
    assert http.post("/shout/batch", json=[], params={"concurrency": 0}).status_code == 422
    wrong = http.post("/shout/batch", data="{}\n{", headers={"Content-Type": "application/jsonl"})
    assert (wrong.status_code, wrong.json()["detail"][0]["loc"][:2]) == (422, ["body", 1])
    assert http.post("/nobody/batch", json=[]).status_code == 404
    assert http.post("/shout/batch", json=[]).json()["results"] == []


def test_a_pipelines_graph_is_drawn_without_a_network(http: Http):
    drawn = http.get("/draw/greeting")
    assert (drawn.status_code, drawn.headers["content-type"]) == (200, "image/svg+xml")
    assert drawn.text.startswith("<svg")
    assert http.get("/draw/shout").status_code == 404
    assert http.get("/draw/nobody").status_code == 404


def test_a_pipeline_of_the_engine_is_deployed_as_it_is(http: Http):
    from dtlpipe.hosting.shims.haystack_names import PromptBuilder

    pipeline = graph.Pipeline()
    pipeline.add_component("prompt", PromptBuilder(template="Hi, {{ name }}!"))
    with Client(http.base) as client:
        client.deploy_pipeline("engine", pipeline, inputs={"name": "prompt.name"}, overwrite=True)
        try:
            assert client.run("engine", name="Ann") == {"prompt": {"prompt": "Hi, Ann!"}}
        finally:
            client.undeploy("engine")


def test_an_installed_pipeline_answers_by_its_name(http: Http, served):
    import dtlpipe as dl

    with served.client() as client:
        project = client.projects.create("named-pipelines")
        pipeline = project.pipelines.create("add-one")
        pipeline.nodes.add(dl.CodeNode(name="add", method=add_one, project_id=project.id, project_name=project.name))
        pipeline.update()
        pipeline.install()
        assert http.post("/add-one/run", json={"number": 41}).json() == {"result": 42}
        assert http.post(f"/{pipeline.id}/run", json={"number": 1}).json() == {"result": 2}
        failed = http.post("/add-one/run", json={"number": "x"})
        assert (failed.status_code, "Pipeline execution failed" in failed.json()["detail"]) == (500, True)
        assert http.post("/add-one/run", json=[]).status_code == 422


def test_an_installed_pipeline_takes_jobs_and_chats_by_its_name(http: Http, served):
    import dtlpipe as dl

    with served.client() as client:
        project = client.projects.create("named-jobs")
        pipeline = project.pipelines.create("echo-loud")
        pipeline.nodes.add(dl.CodeNode(name="loud", method=loud, project_id=project.id, project_name=project.name))
        pipeline.update()
        pipeline.install()
        path, query = "/echo-loud/jobs", {"priority": 3}
        sent = [http.post(path, json={"text": "a"}, params=query, headers={"Idempotency-Key": "1"}) for _ in range(2)]
        job = finished(http, sent[0].json())
        assert (sent[0].status_code, job["result"], job["params"], job["priority"]) == (202, "A", {"text": "a"}, 3)
        assert sent[1].headers["Idempotent-Replay"] == "true"
        assert sent[1].json()["id"] == job["id"] == pipeline.pipeline_executions.list().items[0].id
        later = http.post(path, json={"text": "b"}, params={"delay": 3600}).json()
        assert later["status"] == "queued"
        assert http.post(later["links"]["cancel"]).json()["status"] == "canceled"
        assert [each["id"] for each in http.get(path).json()["jobs"]] == [later["id"], job["id"]]
        assert http.post(path, json=[]).status_code == 422
        again = http.post(job["links"]["resubmit"]).json()
        assert finished(http, again)["result"] == "A"

        assert http.get("/v1/models/echo-loud").json()["id"] == "echo-loud"
        body = {"model": "echo-loud", "messages": [{"role": "user", "content": "hi"}]}
        assert http.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"] == "HI"
        streamed = http.post("/v1/chat/completions", json={**body, "stream": True}).text
        assert '"content":"HI"' in streamed
        assert streamed.endswith("data: [DONE]\n\n")
        with openai.OpenAI(base_url=f"{served.url}/v1", api_key="any", max_retries=0) as ai:
            made = ai.responses.create(model="echo-loud", input="hi")
            assert (made.output_text, made.status) == ("HI", "completed")
            assert ai.responses.retrieve(made.id).output_text == "HI"
            told = list(ai.responses.create(model="echo-loud", input=[{"role": "user", "content": "you"}], stream=True))
            assert "".join(each.delta for each in told if each.type == "response.output_text.delta") == "YOU"
            assert (told[-1].type, told[-1].response.output_text) == ("response.completed", "YOU")
            behind = ai.responses.create(model="echo-loud", input="there", background=True)
            finished(http, http.get(f"{path}/{behind.id.removeprefix('resp_')}").json())
            assert ai.responses.retrieve(behind.id).output_text == "THERE"


def test_jobs_of_an_installed_pipeline_are_tried_again_and_only_the_last_are_kept(http: Http, served):
    import dtlpipe as dl

    with served.client() as client:
        project = client.projects.create("named-terms")
        pipeline = project.pipelines.create("hardly")
        pipeline.nodes.add(dl.CodeNode(name="hardly", method=hardly, project_id=project.id, project_name=project.name))
        pipeline.update()
        pipeline.install()
        path = "/hardly/jobs"
        query = {"attempts": 3, "backoff": 0.01, "retry_on": "OSError", "keep_last": 1}
        plain = finished(http, http.post(path, json={"text": "a"}).json())
        assert (plain["status"], plain["attempt"]) == ("failed", 1)
        jobs = [finished(http, http.post(path, json={"text": "b"}, params=query).json()) for _ in range(3)]
        assert {(each["status"], each["attempt"], each["max_attempts"]) for each in jobs} == {("failed", 3, 3)}
        while len(left := http.get(path).json()["jobs"]) > 2:
            served.platform.hub.wait(jobs[-1]["id"], lambda: None, lambda _: False, 0.05)
        assert [each["id"] for each in left] == [jobs[-1]["id"], plain["id"]]


def hardly(text):
    raise OSError(text)


def loud(text):
    return text.upper()


def add_one(number):
    return number + 1
