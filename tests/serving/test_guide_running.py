"""Hayhooks' page on running pipelines, every snippet of it as it is printed there (guide/running/*.txt)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.serving.conftest import Http

RUNNING = Path(__file__).parent / "guide" / "running"
THERE = "http://localhost:1416"

#: One for all: the page runs, sends files to and chats with the same name.
MY_PIPELINE = """
from typing import Any

from fastapi import UploadFile
from hayhooks import BasePipelineWrapper, get_last_user_message


class PipelineWrapper(BasePipelineWrapper):
    def setup(self) -> None:
        pass

    def run_api(
        self,
        query: Any = None,
        temperature: float = 0.0,
        urls: list = (),
        question: str = "",
        files: list[UploadFile] | None = None,
    ) -> dict:
        names = [each.filename for each in files or []]
        return {"query": query, "temperature": temperature, "urls": list(urls), "question": question, "files": names}

    def run_chat_completion(self, model: str, messages: list, body: dict) -> str:
        return f"asked: {get_last_user_message(messages)}"
"""
RAG_PIPELINE = """
from fastapi import UploadFile
from hayhooks import BasePipelineWrapper


class PipelineWrapper(BasePipelineWrapper):
    def setup(self) -> None:
        pass

    def run_api(self, query: str, temperature: float = 0.0, files: list[UploadFile] | None = None) -> list:
        return [query, sorted((each.filename, each.file.read().decode()) for each in files or [])]
"""
CHAT_PIPELINE = """
from hayhooks import BasePipelineWrapper, get_last_user_message


class PipelineWrapper(BasePipelineWrapper):
    def setup(self) -> None:
        pass

    def run_chat_completion(self, model: str, messages: list, body: dict) -> str:
        return f"asked: {get_last_user_message(messages)}"
"""
#: What the page leaves out of the wrapper with a log: its first lines, and a pipeline to run.
LOGGED = """
from hayhooks import BasePipelineWrapper


class Pipeline:
    def run(self, data):
        return {"llm": {"replies": [data["prompt"]["query"].upper()]}}


%s

PipelineWrapper.setup = lambda self: setattr(self, "pipeline", Pipeline())
PipelineWrapper.__abstractmethods__ = frozenset()
"""


@pytest.fixture(scope="module")
def at(served: Any) -> Iterator[Http]:
    """The platform, with the pipelines that the page names."""
    with Http(served.url) as http:
        sources = {"my_pipeline": MY_PIPELINE, "rag_pipeline": RAG_PIPELINE, "chat_pipeline": CHAT_PIPELINE}
        for name, source in sources.items():
            body = {"name": name, "files": {"pipeline_wrapper.py": source}, "overwrite": True}
            assert http.post("/deploy_files", json=body).status_code == 200
        yield http
        for name in sources:
            http.post(f"/undeploy/{name}")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the page sends, in the current folder."""
    (tmp_path / "documents" / "deep").mkdir(parents=True)
    for name in ("document.pdf", "doc1.pdf", "doc2.txt", "documents/1.txt", "documents/deep/1.txt"):
        (tmp_path / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def snippet(number: int, base: str) -> str:
    path = next(RUNNING.glob(f"{number:02d}_*.txt"))
    return path.read_text(encoding="utf-8").replace(THERE, base)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Closes the files that the page's clients leave open."""
    with ExitStack() as stack:
        yield stack


def python(number: int, base: str, opened: ExitStack, source: str | None = None) -> dict[str, Any]:
    def open_(*args: Any) -> Any:
        return opened.enter_context(open(*args))  # noqa: PTH123 - as the page has it

    found: dict[str, Any] = {"__name__": f"snippet_{number}", "open": open_}
    exec(compile(source or snippet(number, base), f"snippet {number}", "exec"), found)
    return found


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("number", [7, 9])
def test_a_snippet_in_python_runs_and_says_what_came_of_it(
    at: Http, number: int, opened: ExitStack, capsys: pytest.CaptureFixture[str]
):
    python(number, at.base, opened)
    said = capsys.readouterr().out
    assert "What is Haystack?" in said or "document.pdf" in said
    assert "Error" not in said
    if number == 7:
        assert "asked: What is Haystack?" in said
        assert "document.pdf" in said
    if number == 9:
        assert said.count("Completed: ") == 3


@pytest.mark.usefixtures("folder")
async def test_the_asynchronous_client_of_the_page_runs_all_its_methods(at: Http, opened: ExitStack):
    found = python(8, at.base, opened, snippet(8, at.base).replace("asyncio.run(main())", ""))
    await found["main"]()
    client = found["AsyncHayhooksClient"](at.base)
    told = await client.run_pipeline("rag_pipeline", params={"query": "q"}, files=["document.pdf"])
    assert told["result"] == ["q", [["document.pdf", "document.pdf"]]]
    chat = await client.run_chat_completion("chat_pipeline", [{"role": "user", "content": "hi"}])
    assert chat["choices"][0]["message"]["content"] == "asked: hi"


def test_the_client_that_tries_again_gives_up_at_last(at: Http, opened: ExitStack, monkeypatch: pytest.MonkeyPatch):
    found = python(10, at.base, opened)
    import time

    monkeypatch.setattr(time, "sleep", lambda _: None)
    with pytest.raises(found["PipelineExecutionError"], match="404"):
        found["run_pipeline_with_retry"]("nobody", {})


@pytest.mark.usefixtures("folder")
def test_the_uploader_of_the_page_sends_folders_once_it_closes_its_files_as_it_means_to(
    at: Http, opened: ExitStack, capsys: pytest.CaptureFixture[str]
):
    printed = snippet(11, at.base)
    with pytest.raises(TypeError, match="not subscriptable"):
        python(11, at.base, opened)
    python(11, at.base, opened, printed.replace("file_obj[1].close()", "file_obj.close()"))
    assert capsys.readouterr().out.count("1.txt") == 4


def test_a_wrapper_with_hayhooks_log_is_served(at: Http):
    source = LOGGED % snippet(12, at.base)
    files = {"pipeline_wrapper.py": source}
    deployed = at.post("/deploy_files", json={"name": "logged", "files": files, "overwrite": True})
    assert deployed.status_code == 200, deployed.text
    assert at.post("/logged/run", json={"query": "loud"}).json() == {"result": "LOUD"}
    at.post("/undeploy/logged")


def test_the_client_that_logs_tells_how_long_a_call_took(at: Http, opened: ExitStack, caplog: pytest.LogCaptureFixture):
    found = python(13, at.base, opened)
    with caplog.at_level("INFO", logger="hayhooks.client"):
        assert found["call_pipeline"](at.base, "my_pipeline", {"query": "q"})["result"]["query"] == "q"
    assert "my_pipeline completed in" in caplog.text


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
@pytest.mark.parametrize("number", range(1, 7))
def test_a_snippet_for_the_shell_runs(at: Http, folder: Path, number: int):
    commands = folder / "bin"
    commands.mkdir()
    hayhooks = commands / "hayhooks"
    hayhooks.write_text(f'#!/bin/sh\nexec {Path(sys.executable).parent / "dtlpipe"} serve "$@"\n')
    hayhooks.chmod(0o755)
    environment = {**os.environ, "PATH": f"{commands}:{os.environ['PATH']}", "DTLPIPE_URL": at.base}
    script = "set -e\n" + snippet(number, at.base).replace("curl -X", "curl -sf -X")
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Haystack" in done.stdout or "doc" in done.stdout or "example.com" in done.stdout
