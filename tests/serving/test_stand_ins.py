"""Where Haystack, hayhooks and FastAPI are not installed: wrappers run over the stand-ins, in such a process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

#: Has a process believe that those packages are not installed.
WITHOUT = """
import importlib.abc, importlib.machinery, sys

MISSING = {"haystack", "hayhooks", "fastapi", "starlette"}
finder = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = classmethod(
    lambda cls, name, path=None, target=None: None if name.partition(".")[0] in MISSING
    else finder(name, path, target)
)
"""

WRAPPER = """
from fastapi import UploadFile
from fastapi.responses import JSONResponse
from haystack import Pipeline, component
from haystack.components.builders import PromptBuilder
from haystack.dataclasses import ChatMessage
from hayhooks import BasePipelineWrapper, async_streaming_generator, get_last_user_message, log, streaming_generator


@component
class Loud:
    @component.output_types(text=str)
    def run(self, prompt: str, streaming_callback=None):
        for word in prompt.split():
            if streaming_callback is not None:
                streaming_callback(word + " ")
        return {"text": prompt.upper()}


class PipelineWrapper(BasePipelineWrapper):
    def setup(self) -> None:
        self.pipeline = Pipeline()
        self.pipeline.add_component("prompt", PromptBuilder(template="Hello, {{ name }}!"))
        self.pipeline.add_component("loud", Loud())
        self.pipeline.connect("prompt.prompt", "loud.prompt")

    def run_api(self, name: str, files: list[UploadFile] | None = None) -> str:
        log.info("called")
        return self.pipeline.run({"prompt": {"name": name}})["loud"]["text"]

    def run_chat_completion(self, model, messages, body):
        given = {"prompt": {"name": get_last_user_message(messages)}}
        return streaming_generator(self.pipeline, pipeline_run_args=given)
"""

PROGRAM = """
import json, sys
from pathlib import Path
from dtlpipe.hosting import shims
shims.install()
from dtlpipe.hosting.deployed import Deployed

class Reply:
    cancelled = False
    def __init__(self): self.told, self.done = [], threading.Event()
    def answer(self, status, body, kind="application/json", headers=None):
        self.told.append((status, body.decode())); self.done.set()
    def start(self, kind, status=200, headers=None): pass
    def write(self, data): self.told.append((200, data.decode()))
    def end(self): self.done.set()
    def break_off(self, reason): self.told.append((0, reason)); self.done.set()
    def on_cancel(self, callback): pass

import threading
deployed = Deployed("quiet", Path(sys.argv[1]))
found = {}
for what, body in (
    ("run", {"name": "Ann"}),
    ("chat", {"model": "quiet", "messages": [{"role": "user", "content": "Bob"}], "stream": True}),
):
    reply = Reply()
    deployed.call({"call": what}, json.dumps(body).encode(), reply)
    assert reply.done.wait(60)
    found[what] = reply.told
found["modules"] = [sys.modules[name].__doc__ for name in ("haystack", "hayhooks", "fastapi")]
deployed.close()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a wrapper answered in a process that has none of the packages."""
    folder = tmp_path_factory.mktemp("stand-ins") / "quiet"
    folder.mkdir()
    (folder / "pipeline_wrapper.py").write_text(WRAPPER)
    run = [sys.executable, "-c", WITHOUT + PROGRAM, str(folder)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_stand_ins_answer_for_what_is_not_installed(told: dict[str, Any]):
    assert all("stand-in of dtlpipe's" in each for each in told["modules"])


def test_a_wrapper_runs_over_our_engine_without_haystack(told: dict[str, Any]):
    assert told["run"] == [[200, '{"result":"HELLO, ANN!"}']]


def test_a_pipeline_streams_without_haystack(told: dict[str, Any]):
    text = "".join(piece for _, piece in told["chat"])
    assert '"content":"Hello, "' in text
    assert '"content":"Bob! "' in text
    assert text.endswith("data: [DONE]\n\n")
