"""The SDK's core against a real platform, over a real socket: both colours do the same."""

from __future__ import annotations

import asyncio
import inspect
import os
from pathlib import Path

import pytest

import dtlpipe as dl
from dtlpipe.sansio.pages import Pages
from dtlpipe.transports.requests import RequestsTransport
from mock_server.testing import LocalPlatform


@pytest.fixture(scope="module")
def platform():
    with LocalPlatform() as platform:
        yield platform


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for n in range(20):
        file = folder / ("odd" if n % 2 else "") / f"{n:02}.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(n * 1000))
    return folder


async def value(thing):
    """The value of what either colour gives."""
    if isinstance(thing, Pages) and thing._session.is_sync:
        return thing
    return await thing if inspect.isawaitable(thing) else thing


async def each(thing):
    sync = thing._session.is_sync if isinstance(thing, Pages) else not hasattr(thing, "__aiter__")
    return list(thing) if sync else [one async for one in thing]


async def the_story(client, photos, out, name):
    """One story, told in either colour."""
    project = await value(client.projects.create(name))
    assert (await value(client.projects.get(name))).id == project.id
    assert project in await each(client.projects.list())
    with pytest.raises(dl.exceptions.Conflict):
        await value(client.projects.create(name))

    dataset = await value(project.datasets.create("photos"))
    assert await value(project.datasets.get("photos")) == dataset
    assert await value(client.datasets.get(dataset_id=dataset.id)) == dataset
    assert await each(project.datasets.list(name="pho*")) == [dataset]
    assert await value(dataset.project) == project
    with pytest.raises(dl.exceptions.BadRequest, match=r"project\.datasets"):
        await value(client.datasets.create("homeless"))

    items = await value(dataset.items.upload(photos, item_metadata={"user": {"set": 1}}))
    assert [item.filename for item in items] == sorted(
        f"/photos/{'odd/' if n % 2 else ''}{n:02}.bin" for n in range(20)
    )
    assert all(item.metadata["user"] == {"set": 1} for item in items)
    again = await value(dataset.items.upload(photos))
    assert [item.id for item in again] == [item.id for item in items], "what is there is kept"

    pages = await value(dataset.items.list(page_size=6))
    assert (len(pages), pages.total_pages_count) == (20, 4)
    assert len(await each(pages)) == 20
    odd = await each(dataset.items.list(dl.Filters("dir", "/photos/odd")))
    assert len(odd) == 10

    item = await value(dataset.items.get("/photos/02.bin"))
    assert await value(client.items.get(item_id=item.id)) == item
    assert await value(item.dataset) == dataset
    assert await value(item.project) == project
    item.metadata["user"]["more"] = {"x": [1]}
    del item.metadata["user"]["set"]
    assert await value(item.update()) is item
    assert (await value(client.items.get(item_id=item.id))).metadata["user"] == {"more": {"x": [1]}}
    with pytest.raises(dl.exceptions.NotFound, match="no item at"):
        await value(dataset.items.get("/photos/nope.bin"))

    paths = await value(dataset.items.download(local_path=out))
    assert len(paths) == 20
    for file in photos.rglob("*.bin"):
        there = out / "items" / "photos" / file.relative_to(photos)
        assert there.read_bytes() == file.read_bytes()
    assert b"".join(await each(item.stream_bytes(700))) == (photos / "02.bin").read_bytes()
    assert (await value(item.download(save_locally=False))).read() == (photos / "02.bin").read_bytes()

    replaced = await value(dataset.items.upload(b"new", remote_name="photos/02.bin", overwrite=True))
    assert (await value(replaced.download(save_locally=False))).read() == b"new"
    await value(replaced.move("/moved/here.bin"))
    assert (await value(dataset.items.get("/moved/here.bin"))).id == replaced.id

    await value(dataset.items.update(filters=dl.Filters("dir", "/photos/odd"), update_values={"seen": True}))
    assert all(
        each_item.metadata["user"]["seen"]
        for each_item in await each(dataset.items.list(dl.Filters("dir", "/photos/odd")))
    )
    assert await value(dataset.items.delete(filters=dl.Filters("dir", "/photos/odd")))
    assert len(await each(dataset.items.list())) == 10
    folder = await value(dataset.items.make_dir("/empty/folder"))
    assert (folder.type, folder.filename) == ("dir", "/empty/folder")

    with pytest.raises(dl.exceptions.SDKError, match="really=True"):
        await value(dataset.delete())
    assert await value(dataset.delete(sure=True, really=True))
    with pytest.raises(dl.exceptions.NotFound):
        await value(client.datasets.get(dataset_id=dataset.id))
    assert await value(project.delete(sure=True, really=True))


@pytest.mark.parametrize("how", ["httpx", "requests"])
def test_the_story_in_sync(platform, photos, tmp_path, how):
    with platform.client(transport=how) as client:
        asyncio.run(the_story(client, photos, tmp_path / "out", f"sync {how}"))


@pytest.mark.parametrize("how", ["httpx", "requests"])
async def test_the_story_in_async(platform, photos, tmp_path, how):
    async with platform.async_client(transport=how) as client:
        await the_story(client, photos, tmp_path / "out", f"async {how}")


def test_a_transport_of_one_s_own(platform):
    from dtlpipe.config import resolve

    with platform.client(transport=RequestsTransport(resolve(url=platform.url, environ={}))) as client:
        assert client.projects.create("own transport").name == "own transport"
    with pytest.raises(dl.exceptions.ConfigurationError, match="no transport"):
        platform.client(transport="pigeon")


def test_a_file_that_fails_is_named_and_the_others_are_there(platform, photos, monkeypatch):
    opened = Path.open

    def open_(path, *args, **kwargs):
        if path.name == "02.bin":
            raise PermissionError("not yours")
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", open_)
    with platform.client() as client:
        dataset = client.projects.create("failing").datasets.create("d")
        with pytest.raises(dl.exceptions.TransferFailed) as caught:
            dataset.items.upload([photos / f"{n:02}.bin" for n in (0, 2, 4)])
        assert str(caught.value).startswith("1 of 3 files could not be uploaded\n")
        assert "02.bin: PermissionError: not yours" in str(caught.value)
        assert [item.name for item in caught.value.done] == ["00.bin", "04.bin"]
        assert len(dataset.items.list()) == 2


def test_logging_in_and_out(platform):
    with platform.client() as client:
        assert client.token_expired() is False, "a platform on this machine asks for no login"
        assert client.login()
        token = platform.token("somebody@example.com")
        assert client.login_token(token)
        assert client.info()["user_email"] == "somebody@example.com"
        assert "token" not in client.info()
        assert client.info(with_token=True)["token"] == token
        assert token not in repr(client)
        with pytest.raises(dl.exceptions.Unauthorized):
            client.login_token("a.b.c")
        assert client.token == token, "whoever was logged in still is"
        client.logout()
        assert client.token is None


def test_connection_refused_says_how_to_start_a_platform():
    with dl.Client("http://127.0.0.1:9") as client, pytest.raises(dl.exceptions.ConnectionFailed) as caught:
        client.projects.create("x")
    assert "http://127.0.0.1:9/api/v1" in str(caught.value)
    assert "dtlpipe platform start" in str(caught.value)


def test_a_platform_in_this_process_needs_no_socket(tmp_path):
    from mock_server.app import create_app  # the WSGI application itself

    local = LocalPlatform(tmp_path / "data")
    with local:
        app = create_app(local.platform)
        with dl.Client(app=app) as client:
            item = client.projects.create("p").datasets.create("d").items.upload(b"hello", remote_name="a.txt")
            assert item.download(save_locally=False).read() == b"hello"

        async def story():
            async with dl.AsyncClient(app=app) as client:
                found = [each async for each in client.projects.list()]
                return found[0].name, (await client.items.get(item_id=item.id)).name

        assert asyncio.run(story()) == ("p", "a.txt")
