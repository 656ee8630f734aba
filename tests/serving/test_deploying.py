"""Deploying over HTTP and from a folder: what is refused, what is rolled back, what survives."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dtlpipe.errors import ConfigurationError
from mock_server.executors.hosts import HostGone, HostSpec
from mock_server.testing import LocalPlatform
from tests.serving.conftest import PIPELINES, Http

Files = Callable[..., dict[str, str]]
BEGIN = "from hayhooks import BasePipelineWrapper\n\nclass PipelineWrapper(BasePipelineWrapper):\n"


def deploy(http: Http, name: str, files: dict[str, str], **more: Any) -> Any:
    return http.post("/deploy_files", json={"name": name, "files": files, **more})


def test_what_is_deployed_runs_and_what_is_undeployed_does_not(http: Http, wrapper: Files):
    done = deploy(http, "twice", wrapper("return text * 2"))
    assert (done.status_code, done.json()) == (200, {"name": "twice", "success": True, "endpoint": "/twice/run"})
    assert http.post("/twice/run", json={"text": "ab"}).json() == {"result": "abab"}
    assert "twice" in http.get("/status").json()["pipelines"]
    assert http.get("/status/twice").json()["pipeline"] == "twice"
    assert http.post("/undeploy/twice").json() == {"success": True, "name": "twice"}
    assert http.post("/twice/run", json={"text": "ab"}).status_code == 404
    assert http.get("/status/twice").json() == {"detail": "Pipeline 'twice' not found"}
    assert http.post("/undeploy/twice").status_code == 404


def test_a_name_is_taken_until_it_is_overwritten(http: Http, wrapper: Files):
    assert deploy(http, "taken", wrapper("return 'one'")).status_code == 200
    assert deploy(http, "taken", wrapper("return 'two'")).status_code == 409
    assert http.post("/taken/run", json={}).json() == {"result": "one"}
    assert deploy(http, "taken", wrapper("return 'two'"), overwrite=True).status_code == 200
    assert http.post("/taken/run", json={}).json() == {"result": "two"}


def test_a_replacement_that_does_not_load_leaves_the_old_one(http: Http, wrapper: Files):
    assert deploy(http, "kept", wrapper("return 'old'")).status_code == 200
    refused = deploy(http, "kept", {"pipeline_wrapper.py": "def broken(:\n"}, overwrite=True)
    assert refused.status_code == 422
    assert http.post("/kept/run", json={}).json() == {"result": "old"}


@pytest.mark.parametrize(
    ("source", "said", "line"),
    [
        ("import nothing_such\n", "nothing_such", 1),
        ("x = (\n", "SyntaxError", 1),
        ("x = 1\n", "PipelineWrapper", None),
        (
            BEGIN + "    def setup(self):\n        1 / 0\n    def run_api(self) -> int: ...\n",
            "ZeroDivisionError",
            5,
        ),
        (
            BEGIN + "    def setup(self): ...\n    def run_api(self): ...\n",
            "missing a return type",
            None,
        ),
        (
            BEGIN + "    def setup(self): ...\n",
            "run method",
            None,
        ),
        ("import os\nos._exit(3)\n", "status 3", None),
    ],
)
def test_a_wrapper_that_does_not_load_is_refused_with_file_line_and_reason(
    http: Http, source: str, said: str, line: int | None
):
    found = deploy(http, "refused", {"pipeline_wrapper.py": source})
    assert found.status_code == 422
    assert said in found.json()["detail"]
    assert found.json()["line"] == line
    assert "refused" not in http.get("/status").json()["pipelines"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "C:x", "status", "v1", "Api", "a b", "x" * 200])
def test_a_name_that_cannot_stand_in_a_path_is_refused(http: Http, wrapper: Files, name: str):
    found = deploy(http, name, wrapper("return ''"))
    assert found.status_code == 422
    assert found.json()["detail"][0]["loc"] == ["body", "name"]


@pytest.mark.parametrize("path", ["../out.py", "/etc/out.py", "a/../../out.py", "a//b.py", "C:\\out.py", "", "a\\b.py"])
def test_a_file_that_leads_out_of_its_folder_is_refused(http: Http, wrapper: Files, path: str):
    found = deploy(http, "escape", {**wrapper("return ''"), path: "x"})
    assert found.status_code == 422
    assert found.json()["detail"][0]["loc"] == ["body", "files"]


def test_files_without_a_wrapper_are_refused(http: Http):
    found = deploy(http, "nothing", {"other.py": "x = 1"})
    assert found.status_code == 422
    assert "pipeline_wrapper.py" in found.json()["detail"][0]["msg"]


# --- YAML -------------------------------------------------------------------------------------------------------------

GREETING = (PIPELINES / "greeting.yml").read_text()


def test_a_yaml_pipeline_is_deployed_and_described(http: Http):
    body = {"name": "greet", "source_code": GREETING, "description": "Greets."}
    assert http.post("/deploy-yaml", json=body).json()["endpoint"] == "/greet/run"
    assert http.post("/deploy-yaml", json=body).status_code == 409
    assert http.get("/status/greet").json()["deployment"]["description"] == "Greets."


@pytest.mark.parametrize(
    ("change", "said", "line"),
    [
        (("inputs:\n  name: prompt.name\noutputs:\n  greeting: prompt.prompt\n", ""), "at least one of", None),
        (("haystack.components.builders.prompt_builder.PromptBuilder", "os.system"), "'os'", 3),
        (("prompt.name", "prompt.nobody"), "prompt.nobody", 8),
        (("connections: []", "connections: [}"), "line", 6),
        (("prompt.name", "name"), "component.socket", 8),
    ],
)
def test_broken_yaml_is_refused_with_line_and_reason(http: Http, change: tuple[str, str], said: str, line: int | None):
    found = http.post("/deploy-yaml", json={"name": "bad", "source_code": GREETING.replace(*change)})
    assert found.status_code == 422, found.text
    assert said in found.json()["detail"]
    assert found.json()["line"] == line


# --- folders and restarts ---------------------------------------------------------------------------------------------


def test_a_folder_is_served_and_what_is_broken_in_it_is_told(http: Http):
    assert http.post("/broken/run", json={}).status_code == 422
    status = http.get("/status").json()
    assert status["status"] == "Degraded"
    broken = next(each for each in status["deployments"] if each["name"] == "broken")
    assert broken["state"] == "Degraded"
    assert (broken["error"]["file"], broken["error"]["line"]) == ("pipeline_wrapper.py", 1)
    assert "no_such_module" in broken["error"]["message"]


def test_deployments_survive_a_restart_and_undeploying_leaves_a_users_folder(tmp_path: Path, wrapper: Files):
    folder = tmp_path / "pipelines"
    shutil.copytree(PIPELINES / "shout", folder / "shout")
    with LocalPlatform(tmp_path / "data", durability="relaxed", pipelines_dir=folder) as platform:
        with Http(platform.url) as http:
            assert deploy(http, "stays", wrapper("return 'here'")).status_code == 200
            assert deploy(http, "goes", wrapper("return 'here'"), save_files=False).status_code == 200
            assert http.post("/shout/run", json={"text": "a"}).json() == {"result": "A"}
            assert http.post("/undeploy/shout").status_code == 200
        assert (folder / "shout" / "pipeline_wrapper.py").exists()
        platform.restart()
        with Http(platform.url) as http:
            assert http.get("/status").json()["pipelines"] == ["stays"]
            assert http.post("/stays/run", json={}).json() == {"result": "here"}
        (folder / "shout" / "words.py").write_text("changed = True\n")
        platform.restart()
        with Http(platform.url) as http:
            assert http.get("/status").json()["pipelines"] == ["shout", "stays"]


def test_a_folder_that_is_not_there_is_refused_at_the_start(tmp_path: Path):
    platform = LocalPlatform(tmp_path / "data", durability="relaxed", pipelines_dir=tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="nowhere"):
        platform.start()
    platform.close()


def test_one_that_was_found_before_it_was_replaced_is_not_brought_back(
    served: LocalPlatform, http: Http, wrapper: Any, monkeypatch: pytest.MonkeyPatch
):
    deployments = served.platform.serving.deployments

    def deploy(body: str) -> None:
        files = wrapper(body, takes="", returns="str")
        answer = http.post("/deploy_files", json={"name": "replaced", "files": files, "overwrite": True})
        assert answer.status_code == 200, answer.text

    deploy("return 'old'")
    old = deployments.find("replaced")
    deploy("return 'new'")
    while old.host is not None:  # it is ended beside the requests
        pass
    found = [old]
    find = deployments.find
    monkeypatch.setattr(deployments, "find", lambda name: found.pop() if found else find(name))
    with deployments.call("replaced", {"call": "run", "headers": {}, "form": None}, b"{}") as call:
        answer = call.answer(60)
    assert answer is not None
    assert answer.body == b'{"result":"new"}'
    assert (found, old.host) == ([], None)
    http.post("/undeploy/replaced")


def test_pipelines_are_served_again_after_their_pool_was_lost(
    served: LocalPlatform, http: Http, monkeypatch: pytest.MonkeyPatch
):
    deployments = served.platform.serving.deployments
    pool = deployments._pool
    assert pool is not None

    def fail() -> None:
        raise LookupError("on purpose")

    monkeypatch.setattr(pool, "_end_the_late", fail)
    while not pool.lost:
        http.post("/shout/run", json={"text": "a"})
    with pytest.raises(HostGone, match="not heard any more"):
        pool.open(HostSpec("shout", PIPELINES / "shout"))
    assert http.post("/shout/run", json={"text": "a"}).json() == {"result": "A"}


def test_what_is_served_is_told_as_hayhooks_dashboard_reads_it(http: Http):
    http.post("/shout/run", json={"text": "a"})
    http.post("/shout/run", json={})
    http.post("/talker/chat", json={"messages": [{"role": "user", "content": "a"}], "stream": True})
    found = {each["name"]: each for each in http.get("/status").json()["deployments"]}
    assert found["shout"]["capabilities"] == ["run_api", "mcp_eligible"]
    assert found["talker"]["capabilities"] == ["chat_completion", "responses", "a2a_eligible"]
    assert (found["lasting"]["execution_mode"], found["lasting"]["state"]) == ("durable", "Healthy")
    assert (found["broken"]["state"], found["broken"]["health"]["healthy"]) == ("Degraded", False)
    assert all(isinstance(each["health"], dict) and isinstance(each["capabilities"], list) for each in found.values())
    told = http.get("/traces", params={"limit": 3}).json()
    assert [each["entrypoint"] for each in told["traces"]] == ["talker", "shout", "shout"]
    assert [_tags(each)["hayhooks.success"] for each in told["traces"]] == ["true", "false", "true"]
    assert told["traces"][0]["root_span"]["name"] == "hayhooks.openai.run"
    assert not told["traces"][0]["root_span"]["running"]
    assert told["config"]["fetch_limit"] <= told["config"]["buffer_capacity"]
    assert len({each["trace_id"] for each in told["traces"]}) == 3


def _tags(trace: dict[str, Any]) -> dict[str, str]:
    return {each["key"]: each["value"] for each in trace["tags"]}


def test_a_wrapper_that_leaves_in_its_setup_is_refused_at_once(http: Http):
    for setup in ("async def setup(self) -> None:\n        exit(3)", "def setup(self) -> None:\n        exit(3)"):
        source = f"{BEGIN}    {setup}\n\n    def run_api(self) -> int:\n        return 1\n"
        refused = deploy(http, "leaving", {"pipeline_wrapper.py": source})
        assert (refused.status_code, "SystemExit" in refused.json()["detail"]) == (422, True), refused.text
