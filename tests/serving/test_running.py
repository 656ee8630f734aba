"""What `POST /{name}/run` takes and gives back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.serving.conftest import Http


def test_a_run_is_answered_with_its_result(http: Http):
    found = http.post("/shout/run", json={"text": "hi", "times": 2})
    assert found.status_code == 200
    assert found.json() == {"result": "HIHI"}
    assert found.headers["x-request-id"]


def test_a_missing_and_a_wrong_parameter_are_told_with_their_paths(http: Http):
    found = http.post("/shout/run", json={"times": "many"})
    assert found.status_code == 422
    told = {tuple(each["loc"]): each["type"] for each in found.json()["detail"]}
    assert told == {("body", "text"): "missing", ("body", "times"): "int_parsing"}


def test_an_unknown_pipeline_is_not_found(http: Http):
    found = http.post("/nobody/run", json={})
    assert (found.status_code, found.json()) == (404, {"detail": "Not Found"})


def test_a_pipeline_is_run_by_post_alone(http: Http):
    assert http.get("/shout/run").status_code == 405


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"text": }'])
def test_a_body_that_is_no_json_is_refused(http: Http, body: bytes):
    found = http.post("/shout/run", data=body, headers={"content-type": "application/json"})
    assert found.status_code == 422
    assert found.json()["detail"][0]["type"] == "json_invalid"


def test_a_body_that_is_no_object_is_refused(http: Http):
    found = http.post("/shout/run", json=["text"])
    assert found.status_code == 422
    assert found.json()["detail"][0]["loc"] == ["body"]


def test_a_body_of_another_type_is_refused(http: Http):
    found = http.post("/shout/run", data="text=hi", headers={"content-type": "text/plain"})
    assert found.status_code == 415
    assert "text/plain" in found.json()["detail"]


def test_an_exception_of_the_wrapper_is_told(http: Http):
    found = http.post("/answers/run", json={"kind": "error"})
    assert found.status_code == 500
    assert found.json()["detail"] == "Pipeline execution failed: no such kind"


def test_a_wrapper_may_refuse_with_a_status_of_its_own(http: Http):
    found = http.post("/answers/run", json={"kind": "teapot"})
    assert (found.status_code, found.json()) == (418, {"detail": "short and stout"})


def test_objects_become_json(http: Http):
    assert http.post("/answers/run", json={"kind": "point"}).json() == {"result": {"x": 1, "at": "2026-01-02"}}


def test_a_wrapper_imports_its_other_files(http: Http):
    assert http.post("/answers/run", json={"kind": "greeting"}).json() == {"result": "hello"}


def test_a_yaml_pipeline_answers_by_component_and_socket(http: Http):
    found = http.post("/greeting/run", json={"name": "Ann"})
    assert found.json() == {"result": {"prompt": {"prompt": "Hello, Ann!"}}}
    assert http.post("/greeting/run", json={}).status_code == 422


def test_a_wrapper_that_starts_a_task_in_setup_is_served(http: Http):
    assert http.post("/thinker/run", json={"number": 21}).json() == {"result": 42}


# --- files ------------------------------------------------------------------------------------------------------------


def test_files_of_one_name_are_kept_apart_and_folders_are_kept(http: Http):
    files = [("files", (name, text)) for name, text in (("a/1.txt", "one"), ("b/1.txt", "two"), ("1.txt", "three"))]
    found = http.post("/upload/run", files=files, data={"query": "all", "count": "3"}).json()["result"]
    assert [each[:2] for each in found["files"]] == [["a/1.txt", "one"], ["b/1.txt", "two"], ["1.txt", "three"]]
    assert (found["query"], found["count"]) == ("all", 3)


def test_a_dictionary_may_come_with_files(http: Http):
    found = http.post("/upload/run", files=[("files", ("x", "y"))], data={"options": '{"a": [1]}'})
    assert found.json()["result"]["options"] == {"a": [1]}


def test_json_sent_to_a_route_for_files_is_read(http: Http):
    found = http.post("/upload/run", json={"query": "only text", "count": 2})
    assert found.json()["result"] == {"query": "only text", "count": 2, "options": None, "files": []}


def test_names_of_files_lead_nowhere(http: Http):
    found = http.post("/upload/run", files=[("files", ("../../etc/passwd", "x"))])
    assert found.json()["result"]["files"][0][0] == "etc/passwd"


def test_files_for_a_pipeline_that_takes_none_are_refused(http: Http):
    found = http.post("/shout/run", files=[("files", ("x", "y"))], data={"text": "hi"})
    assert found.status_code == 422


def test_a_wrong_value_in_a_form_is_told_with_its_path(http: Http):
    found = http.post("/upload/run", files=[("files", ("x", "y"))], data={"count": "many"})
    assert found.json()["detail"][0]["loc"] == ["body", "count"]


def test_nothing_of_an_upload_is_left_behind(http: Http, served):
    http.post("/upload/run", files=[("files", ("x", "y" * 1_000_000))])
    assert [path for path in (served.data_dir / "spool").rglob("*") if path.is_file()] == []


# --- streams ----------------------------------------------------------------------------------------------------------


def test_a_generator_is_streamed_as_text(http: Http):
    found = http.post("/streams/run", json={"size": 4})
    assert found.headers["content-type"].startswith("text/plain")
    assert found.text == "0;1;2;3;"


def test_dictionaries_of_a_generator_are_json(http: Http):
    assert http.post("/streams/run", json={"kind": "dicts", "size": 2}).text == '{"number":0}{"number":1}'


def test_lines_of_a_server_sent_event_are_kept(http: Http):
    found = http.post("/streams/run", json={"kind": "sse", "size": 2})
    assert found.headers["content-type"].startswith("text/event-stream")
    assert found.text == "data: line 0\ndata: more\n\ndata: line 1\ndata: more\n\n"


def test_a_stream_that_fails_is_noticed(http: Http):
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        http.post("/streams/run", json={"kind": "fails"})


def test_a_file_is_sent_as_it_is_whatever_its_size(http: Http):
    found = http.post("/streams/run", json={"kind": "file", "size": 3000})
    assert found.headers["content-type"] == "application/x-own"
    assert "all.bin" in found.headers["content-disposition"]
    assert len(found.content) == 3000 * 1024


# --- isolation --------------------------------------------------------------------------------------------------------


def test_a_wrapper_that_dies_takes_nothing_with_it(http: Http):
    before = http.post("/crasher/run", json={}).json()["result"]
    died = http.post("/crasher/run", json={"how": "abort"})
    assert died.status_code == 500
    assert "SIGABRT" in died.json()["detail"]
    assert http.post("/shout/run", json={"text": "hi"}).json() == {"result": "HI"}
    after = http.post("/crasher/run", json={}).json()["result"]
    assert after != before


def test_a_call_that_takes_long_delays_no_other_one(http: Http, served):
    def wait() -> bool:
        with Http(served.url) as own:
            return bool(own.post("/answers/run", json={"kind": "wait"}).json()["result"])

    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(wait) for _ in range(20)]
        assert http.get("/status").status_code == 200
        assert http.post("/answers/run", json={"kind": "release"}).json() == {"result": None}
        assert all(each.result() for each in waiting)


def test_the_document_shows_what_a_pipeline_takes(http: Http):
    http.post("/shout/run", json={"text": "hi"})
    document = http.get("/openapi.json").json()
    operation = document["paths"]["/shout/run"]["post"]
    assert operation["operationId"] == "shout_run_shout_run_post"
    assert operation["description"] == "Shout a text."
    model = document["components"]["schemas"]["shoutRunRequest"]
    assert model["properties"]["text"]["description"] == "What to shout."
    assert model["required"] == ["text"]
    assert "<code>/shout/run</code>" in http.get("/docs").text


def test_the_folder_is_left_as_it_is(http: Http):
    assert http.get("/status").status_code == 200
    assert not list(Path(__file__).parent.glob("pipelines/**/*.pyc"))


def test_a_wrapper_that_would_leave_ends_its_call_and_nothing_else(http: Http, wrapper):
    found = http.post("/answers/run", json={"kind": "exit"})
    assert found.status_code == 500
    assert found.json()["detail"] == "Pipeline execution failed: the wrapper raised SystemExit(3)"
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        http.post("/answers/run", json={"kind": "exit in a stream"})
    source = wrapper("exit(3)")["pipeline_wrapper.py"].replace("def run_api(", "async def run_api_async(")
    files = {"pipeline_wrapper.py": source}
    assert http.post("/deploy_files", json={"name": "leaver", "files": files}).status_code == 200
    for _ in range(2):
        assert http.post("/leaver/run", json={}).json()["detail"].endswith("the wrapper raised SystemExit(3)")
    http.post("/undeploy/leaver")
