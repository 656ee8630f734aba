"""`dtlpipe.serving.Client` and its asynchronous twin."""

from __future__ import annotations

from pathlib import Path

import pytest

from dtlpipe.errors import ConnectionFailed, NotFound, PlatformException, UnprocessableEntity, WaitTimeout
from dtlpipe.serving import AsyncClient, Client
from mock_server.testing import LocalPlatform


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a/1.txt", "b/1.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(name)
    return tmp_path


def test_a_pipeline_is_run_streamed_and_chatted_with(served: LocalPlatform, folder: Path):
    with Client(served.url) as client:
        assert client.run("shout", {"text": "hi"}, times=2) == "HIHI"
        assert client.run("greeting", name="Ann") == {"prompt": {"prompt": "Hello, Ann!"}}
        assert "".join(client.stream("streams", size=3)) == "0;1;2;"
        sent = client.run("upload", folder=folder, files={"c.txt": b"c"}, options={"k": [1]}, count=2)
        assert [each[:2] for each in sent["files"]] == [["c.txt", "c"], ["a/1.txt", "a/1.txt"], ["b/1.txt", "b/1.txt"]]
        assert (sent["options"], sent["count"]) == ({"k": [1]}, 2)
        assert client.chat("talker", "one two")["choices"][0]["message"]["content"] == "one two "
        words = [each["choices"][0]["delta"].get("content") for each in client.chat_stream("talker", "a b")]
        assert [each for each in words if each] == ["a ", "b "]


def test_refusals_are_typed(served: LocalPlatform):
    with Client(served.url) as client:
        with pytest.raises(NotFound):
            client.run("nobody")
        with pytest.raises(UnprocessableEntity) as caught:
            client.run("shout", times="many")
        assert {tuple(each["path"]) for each in caught.value.errors} == {("body", "text"), ("body", "times")}
        with pytest.raises(PlatformException, match="no further"):
            list(client.chat_stream("talker", "fail"))
        with pytest.raises(ConnectionFailed):
            list(client.stream("streams", kind="fails"))
    with Client("http://127.0.0.1:9", retries=0) as nobody, pytest.raises(ConnectionFailed):
        nobody.status()


def test_a_batch_keeps_its_order_and_raises_nothing(served: LocalPlatform):
    with Client(served.url) as client:
        found = list(client.run_batch("shout", [{"text": "a"}, {}, {"text": "c"}], concurrency=2))
    assert [each.result for each in found] == ["A", None, "C"]
    assert isinstance(found[1].error, UnprocessableEntity)


def test_a_job_is_submitted_waited_for_and_cancelled(served: LocalPlatform, folder: Path):
    with Client(served.url) as client:
        job = client.submit("worker", {"number": 4}, key="from the client")
        assert client.submit("worker", {"number": 4}, key="from the client")["id"] == job["id"]
        assert client.wait_job("worker", job["id"])["result"] == 8
        assert client.job("worker", job["id"])["status"] == "completed"
        hanging = client.submit("worker", {"kind": "hangs", "path": str(folder / "pid")})
        with pytest.raises(WaitTimeout):
            client.wait_job("worker", hanging["id"], timeout=0.0)
        client.cancel_job("worker", hanging["id"])
        assert client.wait_job("worker", hanging["id"])["status"] == "canceled"


async def test_the_asynchronous_client_does_the_same(served: LocalPlatform, folder: Path):
    async with AsyncClient(served.url) as client:
        assert await client.run("shout", text="hi") == "HI"
        assert "".join([piece async for piece in client.stream("streams", size=2)]) == "0;1;"
        assert len((await client.run("upload", folder=folder))["files"]) == 2
        words = [each["choices"][0]["delta"].get("content") async for each in client.chat_stream("talker", "a b")]
        assert [each for each in words if each] == ["a ", "b "]
        found = [each async for each in client.run_batch("shout", [{"text": "a"}, {}], concurrency=2)]
        assert [each.ok for each in found] == [True, False]
        with pytest.raises(NotFound):
            await client.run("nobody")
        assert "shout" in (await client.status())["pipelines"]
        job = await client.submit("worker", {"number": 4})
        assert (await client.wait_job("worker", job["id"]))["result"] == 8
