"""Where Haystack, hayhooks and FastAPI are not installed: wrappers run over the stand-ins, in such a process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.serving.conftest import Http

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

#: A model that is served, and what asks it: without Haystack, by its name in Haystack.
MODEL = """
from hayhooks import BasePipelineWrapper, get_last_user_message


class PipelineWrapper(BasePipelineWrapper):
    def setup(self) -> None:
        pass

    def run_chat_completion(self, model, messages, body):
        if body.get("tools"):
            function = {"name": body["tools"][0]["function"]["name"], "arguments": '{"city":"Oslo"}'}
            yield {
                "object": "chat.completion.chunk",
                "choices": [
                    {
                        "index": 0,
                        "delta": {"tool_calls": [{"index": 0, "id": "call_1", "function": function}]},
                        "finish_reason": "tool_calls",
                    }
                ],
            }
            return
        if get_last_user_message(messages) == "fail":
            raise ValueError("not at all")
        yield from (f"{word} " for word in f"{messages[0]['role']} said {get_last_user_message(messages)}".split())
"""
ASKING = """
import asyncio, json, sys
from dtlpipe.hosting import shims
shims.install()
from haystack import Pipeline
from haystack.components import OpenAIChatGenerator, PromptBuilder
from haystack.components.generators.chat import OpenAIChatGenerator as Same
from haystack.components.generators.chat.openai import OpenAIChatGenerator as Also
from haystack.dataclasses import ChatMessage
from haystack.tools import Tool
from haystack.utils import Secret
from hayhooks import async_streaming_generator

assert OpenAIChatGenerator is Same is Also
where = {"model": "gpt-4", "api_base_url": sys.argv[1] + "/v1", "api_key": Secret.from_token("anything")}
pieces, found = [], {}
asked = [ChatMessage.from_system("be brief"), ChatMessage.from_user("hi")]
found["whole"] = OpenAIChatGenerator(**where).run(asked)["replies"][0].text
found["usage"] = OpenAIChatGenerator(**where).run("hi")["replies"][0].meta["usage"]["total_tokens"] > 0
heard = OpenAIChatGenerator(**where, streaming_callback=lambda chunk: pieces.append(chunk.content))
reply = heard.run(asked)["replies"][0]
found["streamed"], found["pieces"] = reply.text, [each for each in pieces if each]
weather = Tool(name="weather", description="of a city", parameters={"type": "object"})
for how in (None, lambda _: None):
    reply = OpenAIChatGenerator(**where, tools=[weather], streaming_callback=how).run("hi")["replies"][0]
    found.setdefault("tools", []).append([reply.tool_call.tool_name, reply.tool_call.arguments, reply.tool_call.id])
again = ChatMessage.from_dict(json.loads(json.dumps(reply.to_dict())))
found["written"] = again == reply and OpenAIChatGenerator.from_dict(
    OpenAIChatGenerator(model="m", api_key=Secret.from_env_var("KEY")).to_dict()
).model
pipeline = Pipeline()
pipeline.add_component("prompt", PromptBuilder(template="to {{ name }}"))
pipeline.add_component("llm", OpenAIChatGenerator(**where, streaming_callback=lambda _: None))
pipeline.add_component("after", PromptBuilder(template="<{{ text }}>"))
pipeline.connect("prompt", "llm")
pipeline.connect("llm.replies", "after.text")

async def stream():
    given = {"prompt": {"name": "Ann"}}
    return [each.content async for each in async_streaming_generator(pipeline, pipeline_run_args=given)]

found["pipeline"] = "".join(asyncio.run(stream()))
for broken in ({"model": "nobody"}, {"api_base_url": "http://127.0.0.1:9/v1", "max_retries": 0}):
    try:
        OpenAIChatGenerator(**{**where, **broken}).run("hi")
    except Exception as error:
        found.setdefault("errors", []).append(str(error))
for how in (None, lambda _: None):
    try:
        OpenAIChatGenerator(**where, streaming_callback=how, max_retries=0).run("fail")
    except Exception as error:
        found.setdefault("failed", []).append(str(error))
print(json.dumps(found))
"""

PROGRAM = """
import json, sys
from pathlib import Path
from dtlpipe.hosting import shims
shims.install()
from dtlpipe.hosting.deployed import Deployed

class Reply:
    cancelled = started = False
    def __init__(self): self.told, self.done = [], threading.Event()
    def answer(self, status, body, kind="application/json", headers=None):
        self.told.append((status, body.decode())); self.done.set()
    def start(self, kind, status=200, headers=None, first=b""): self.started = True; self.write(first)
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


def test_a_generator_of_chats_asks_any_server_of_openais_protocol_without_haystack(http: Http):
    files = {"pipeline_wrapper.py": MODEL}
    assert http.post("/deploy_files", json={"name": "gpt-4", "files": files}).status_code == 200
    run = [sys.executable, "-c", WITHOUT + ASKING, http.base]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    http.post("/undeploy/gpt-4")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["whole"], found["streamed"], found["usage"]) == ("system said hi ", "system said hi ", True)
    assert found["pieces"] == ["system ", "said ", "hi "]
    assert found["tools"] == [["weather", {"city": "Oslo"}, "call_1"]] * 2
    assert found["written"] == "m"
    assert found["pipeline"] == "user said to Ann "
    assert "nobody" in found["errors"][0]
    assert "did not answer" in found["errors"][1]
    assert all("not at all" in each for each in found["failed"])
