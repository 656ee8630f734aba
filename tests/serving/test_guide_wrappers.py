"""The four wrappers of hayhooks' page on asynchronous operations, as they are printed there (guide/*.txt)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mock_server.testing import LocalPlatform
from tests.serving.conftest import Http

GUIDE = Path(__file__).parent / "guide"

MODEL = """
from hayhooks import BasePipelineWrapper, get_last_user_message


class PipelineWrapper(BasePipelineWrapper):
    def setup(self) -> None:
        pass

    def run_chat_completion(self, model, messages, body):
        for word in f"you said: {get_last_user_message(messages)}".split(" "):
            yield word + " "
"""


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Http]:
    """A platform that serves the wrappers, and the model that they ask, under the name that they know it by."""
    with (
        LocalPlatform(tmp_path_factory.mktemp("guide"), durability="relaxed") as platform,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("OPENAI_API_KEY", "anything")
        patch.setenv("OPENAI_BASE_URL", f"{platform.url}/v1")
        with Http(platform.url) as found:
            assert deploy(found, "gpt-4", MODEL).status_code == 200
            yield found


def deploy(http: Http, name: str, source: str):
    return http.post("/deploy_files", json={"name": name, "files": {"pipeline_wrapper.py": source}})


def ask(http: Http, model: str, **more) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], **more}
    found = http.post("/v1/chat/completions", json=body)
    assert found.status_code == 200, found.text
    return found.json()["choices"][0]["message"]["content"]


@pytest.mark.parametrize("name", ["async_pipeline", "enhanced_async_pipeline", "job_queue_pipeline"])
def test_a_wrapper_of_the_guide_answers_as_it_is_printed(http: Http, name: str):
    done = deploy(http, name.replace("_", "-"), (GUIDE / f"{name}.txt").read_text())
    assert done.status_code == 200, done.text
    assert "you said:" in ask(http, name.replace("_", "-"))


def test_the_guides_job_queue_works_in_its_loop(http: Http):
    deploy(http, "job-queue", (GUIDE / "job_queue_pipeline.txt").read_text())
    job_id = ask(http, "job-queue", submit_job=True).split("ID: ")[1][:36]
    deadline = time.monotonic() + 60
    while "Job status" in (answer := ask(http, "job-queue", job_id=job_id)) and time.monotonic() < deadline:
        pass
    assert answer.startswith("Job completed")


def test_the_guides_batch_wrapper_is_no_python_and_refused_with_its_line(http: Http):
    source = (GUIDE / "batch_async_pipeline.txt").read_text()
    refused = deploy(http, "batch", source)
    assert refused.status_code == 422
    assert "SyntaxError" in refused.json()["detail"]
    assert "async generator" in refused.json()["detail"]
    assert refused.json()["line"]
