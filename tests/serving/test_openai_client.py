"""The real client of OpenAI, sync and async, against wrappers."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator

import openai
import pytest

from mock_server.testing import LocalPlatform
from tests.serving.conftest import Http


@pytest.fixture
def client(served: LocalPlatform) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="anything", max_retries=0) as found:
        yield found


@pytest.fixture
async def asynchronous(served: LocalPlatform) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="anything", max_retries=0) as found:
        yield found


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_pipelines_are_models(client: openai.OpenAI):
    assert {"talker", "shout"} <= {each.id for each in client.models.list()}
    assert client.models.retrieve("talker").owned_by == "dtlpipe"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("nobody")
    assert caught.value.code == "model_not_found"


def test_a_completion_has_text_and_usage(client: openai.OpenAI):
    found = client.chat.completions.create(model="talker", messages=said("one two"))
    assert found.choices[0].message.content == "one two "
    assert found.choices[0].finish_reason == "stop"
    assert found.usage is not None
    assert found.usage.total_tokens == found.usage.prompt_tokens + found.usage.completion_tokens > 0


def test_content_may_come_in_parts(client: openai.OpenAI):
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    found = client.chat.completions.create(model="talker", messages=[{"role": "user", "content": parts}])
    assert found.choices[0].message.content == "one two "


def test_a_stream_begins_with_the_role_and_ends_with_a_reason_and_usage(client: openai.OpenAI):
    stream = client.chat.completions.create(
        model="talker", messages=said("a b"), stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(each.choices[0].delta.content or "" for each in chunks if each.choices) == "a b "
    assert [each.choices[0].finish_reason for each in chunks if each.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens > 0


def test_a_stream_ends_with_done(http: Http):
    body = {"model": "talker", "messages": said("a"), "stream": True}
    assert http.post("/v1/chat/completions", json=body).text.endswith("data: [DONE]\n\n")


def test_tool_calls_come_in_pieces_and_whole(client: openai.OpenAI):
    whole = client.chat.completions.create(model="talker", messages=said("tools"))
    call = (whole.choices[0].message.tool_calls or [])[0]
    assert (call.function.name, call.function.arguments, call.id) == ("weather", '{"city":"Oslo"}', "call_1")
    assert whole.choices[0].finish_reason == "tool_calls"
    chunks = list(client.chat.completions.create(model="talker", messages=said("tools"), stream=True))
    pieces = [call for each in chunks for call in each.choices[0].delta.tool_calls or []]
    assert "".join(each.function.arguments or "" for each in pieces) == '{"city":"Oslo"}'
    assert [each.choices[0].finish_reason for each in chunks if each.choices[0].finish_reason] == ["tool_calls"]


def test_reasoning_and_the_models_own_usage_are_told(client: openai.OpenAI):
    found = client.chat.completions.create(model="talker", messages=said("think"))
    assert found.choices[0].message.model_dump()["reasoning_content"] == "hm, "
    assert found.usage is not None
    assert found.usage.prompt_tokens == 7


def test_events_pass_beside_the_text(http: Http):
    body = {"model": "talker", "messages": said("event"), "stream": True}
    assert '"event":{"type":"status"' in http.post("/v1/chat/completions", json=body).text


def test_headers_reach_a_wrapper_that_asks_for_them(client: openai.OpenAI):
    found = client.chat.completions.create(model="talker", messages=said("headers"), extra_headers={"X-Own": "mine"})
    assert found.choices[0].message.content == "mine"


def test_an_error_in_the_middle_is_an_error_of_the_client(client: openai.OpenAI):
    heard = ""
    with pytest.raises(openai.APIError, match="no further"):
        for each in client.chat.completions.create(model="talker", messages=said("fail"), stream=True):
            heard += each.choices[0].delta.content or ""
    assert heard == "so far "


def test_errors_are_of_the_clients_classes(client: openai.OpenAI):
    with pytest.raises(openai.NotFoundError, match="nobody"):
        client.chat.completions.create(model="nobody", messages=said("a"))
    with pytest.raises(openai.InternalServerError, match="not at all"):
        client.chat.completions.create(model="talker", messages=said("fail at once"))
    with pytest.raises(openai.UnprocessableEntityError, match="messages"):
        client.chat.completions.create(model="talker", messages=[])
    with pytest.raises(openai.APIStatusError, match="not implemented") as caught:
        client.chat.completions.create(model="shout", messages=said("a"))
    assert caught.value.status_code == 501


def test_what_is_not_served_is_not_found_whatever_the_key(client: openai.OpenAI):
    with pytest.raises(openai.NotFoundError, match="/v1/embeddings"):
        client.embeddings.create(model="talker", input="a")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/chat/completions", 405), ("GET", "/shout/run", 405), ("POST", "/v1/none", 404)],
)
def test_what_there_is_not_asks_for_no_other_key_than_what_there_is(http: Http, method: str, path: str, status: int):
    assert http.request(method, path, headers={"Authorization": "Bearer anything"}).status_code == status


def test_a_whole_completion_may_be_streamed(client: openai.OpenAI):
    whole = client.chat.completions.create(model="talker", messages=said("whole"))
    assert (whole.id, whole.choices[0].message.content) == ("own", "all of it")
    stream = client.chat.completions.create(model="talker", messages=said("whole"), stream=True)
    assert "".join(each.choices[0].delta.content or "" for each in stream) == "all of it"


def test_a_stream_that_is_left_is_ended(client: openai.OpenAI):
    with client.chat.completions.create(model="talker", messages=said("endless"), stream=True) as stream:
        for _ in range(3):
            next(stream)
    again = client.chat.completions.create(model="talker", messages=said("still there"))
    assert again.choices[0].message.content == "still there "


def test_a_response_is_given_streamed_and_found_again(client: openai.OpenAI):
    found = client.responses.create(model="talker", input="a b", metadata={"own": "1"})
    assert (found.output_text, found.status) == ("a b ", "completed")
    assert client.responses.retrieve(found.id).output_text == "a b "
    events = list(client.responses.create(model="talker", input="c d", stream=True))
    assert [each.type for each in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * 2,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [each.sequence_number for each in events] == list(range(len(events)))
    assert client.responses.retrieve(events[-1].response.id).output_text == "c d "
    client.responses.delete(found.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(found.id)


def test_a_response_in_the_background_is_a_job(client: openai.OpenAI):
    found = client.responses.create(model="talker", input="a b", background=True)
    assert found.status in ("queued", "in_progress", "completed")
    while found.status in ("queued", "in_progress"):
        found = client.responses.retrieve(found.id)
    assert (found.status, found.output_text) == ("completed", "a b ")
    failed = client.responses.create(model="talker", input="fail", background=True)
    while failed.status in ("queued", "in_progress"):
        failed = client.responses.retrieve(failed.id)
    assert failed.status == "failed"
    assert failed.error is not None
    assert "not at all" in failed.error.message


def test_files_are_kept_listed_read_and_deleted(client: openai.OpenAI):
    made = client.files.create(file=("notes.txt", io.BytesIO(b"some notes")), purpose="assistants")
    assert (made.filename, made.bytes, made.purpose) == ("notes.txt", 10, "assistants")
    assert made.id in {each.id for each in client.files.list(purpose="assistants")}
    assert client.files.retrieve(made.id).filename == "notes.txt"
    assert client.files.content(made.id).read() == b"some notes"
    assert client.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(made.id)


async def test_the_asynchronous_client_is_answered_the_same(asynchronous: openai.AsyncOpenAI):
    found = await asynchronous.chat.completions.create(model="talker", messages=said("one two"))
    assert found.choices[0].message.content == "one two "
    stream = await asynchronous.chat.completions.create(model="talker", messages=said("a b"), stream=True)
    assert "".join([each.choices[0].delta.content or "" async for each in stream]) == "a b "
    assert (await asynchronous.responses.create(model="talker", input="x")).output_text == "x "
    with pytest.raises(openai.NotFoundError):
        await asynchronous.models.retrieve("nobody")


def test_the_chat_of_one_pipeline_has_a_path_of_its_own(http: Http):
    found = http.post("/talker/chat", json={"messages": said("one")}).json()
    assert found["choices"][0]["message"]["content"] == "one "
    assert http.post("/nobody/chat", json={"messages": said("one")}).status_code == 404
