"""Uploading: what a user points at becomes parts with safe names, before a byte is sent."""

from __future__ import annotations

import io
import os

import pytest

from dtlpipe.errors import NotAnItemPath, SDKError, TransferFailed
from dtlpipe.resources.items import Items
from dtlpipe.resources.uploading import Part, plan, send
from dtlpipe.sansio.effects import Blocking, Gather, Request, Upload
from tests.unit.sdk.hand import Hand, reply


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for name in ("a.png", "b.jpg", "sub/c.png", "sub/deep/d.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def planned(local, *, path="/", name=None, types=None):
    parts, single = plan(local, remote_path=path, remote_name=name, file_types=types)
    return [part.remote for part in parts], single


def test_a_file_goes_to_the_folder_by_its_name(photos):
    assert planned(photos / "a.png") == (["/a.png"], True)
    assert planned(str(photos / "a.png"), path="x/y/") == (["/x/y/a.png"], True)
    assert planned(photos / "a.png", path="/x", name="z.png") == (["/x/z.png"], True)


def test_a_folder_keeps_its_name(photos):
    assert planned(photos) == (
        ["/photos/a.png", "/photos/b.jpg", "/photos/sub/c.png", "/photos/sub/deep/d.txt"],
        False,
    )


def test_a_relative_folder_keeps_its_name_too(photos, monkeypatch):
    monkeypatch.chdir(photos)
    assert planned(".")[0][0] == "/photos/a.png"
    assert planned("sub")[0] == ["/sub/c.png", "/sub/deep/d.txt"]


def test_everything_in_a_folder_leaves_its_name_behind(photos):
    assert planned(f"{photos}/*") == (["/a.png", "/b.jpg", "/sub/c.png", "/sub/deep/d.txt"], False)


def test_a_pattern_takes_what_it_matches(photos):
    assert planned(f"{photos}/**/*.png")[0] == ["/a.png", "/sub/c.png"]
    assert planned(f"{photos}/s*/*.png")[0] == ["/sub/c.png"]
    assert planned(f"{photos}/*.gif") == ([], False)


def test_a_file_whose_name_looks_like_a_pattern_is_itself(photos):
    (photos / "x[1].png").write_bytes(b"")
    assert planned(photos / "x[1].png") == (["/x[1].png"], True)


def test_endings_choose_among_the_files(photos):
    assert planned(photos, types=[".PNG"])[0] == ["/photos/a.png", "/photos/sub/c.png"]


def test_several_sources_may_be_of_any_kind(photos):
    sources = [photos / "a.png", b"bytes", io.BytesIO(b"buffer")]
    assert planned(sources, name=["1.png", "2.bin", "3.bin"]) == (["/1.png", "/2.bin", "/3.bin"], False)
    with pytest.raises(NotAnItemPath, match="3 files take 3 names"):
        planned(sources, name=["1.png"])


def test_bytes_and_buffers_need_a_name():
    with pytest.raises(NotAnItemPath, match="remote_name"):
        planned(b"x")
    with pytest.raises(NotAnItemPath, match="remote_name"):
        planned(io.BytesIO(b"x"))
    named = io.BytesIO(b"x")
    named.name = "dir/own.bin"
    assert planned(named) == (["/own.bin"], True)


def test_a_buffer_is_sent_whole_wherever_it_was_left():
    buffer = io.BytesIO()
    buffer.write(b"hello")
    (part,), _ = plan(buffer, remote_path="/", remote_name="x", file_types=None)
    assert (part.source, part.size) == (b"hello", 5)


def test_an_open_file_gives_its_own_name(photos):
    with (photos / "a.png").open("rb") as file:
        file.read(2)
        (part,), single = plan(file, remote_path="/", remote_name=None, file_types=None)
        assert (part.remote, part.size, single) == ("/a.png", 5, True)


def test_a_file_that_cannot_seek_is_read():
    read, write = os.pipe()
    os.write(write, b"from a pipe")
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        (part,), _ = plan(pipe, remote_path="/", remote_name="x", file_types=None)
    assert part.source == b"from a pipe"


def test_text_is_refused(photos):
    with (photos / "a.png").open() as file, pytest.raises(NotAnItemPath, match="'rb'"):
        planned(file)
    with pytest.raises(NotAnItemPath, match="cannot upload int"):
        planned([3])


def test_what_is_not_there_is_named(photos):
    with pytest.raises(NotAnItemPath, match=r"there is no .*nope\.png"):
        planned(photos / "nope.png")
    with pytest.raises(NotAnItemPath, match="there is no folder"):
        planned(f"{photos}/nope/*.png")


@pytest.mark.parametrize("name", ["../up.png", "a/../../b", "back\\slash", "nul\0", "new\nline", "", "/"])
def test_a_name_that_climbs_or_cannot_be_is_refused(name):
    with pytest.raises(NotAnItemPath):
        planned(b"x", name=name)
    if name:
        with pytest.raises(NotAnItemPath):
            planned(b"x", name="ok", path=f"{name}/..")


def test_links_to_folders_are_not_followed_round_in_circles(photos):
    (photos / "loop").symlink_to(photos)
    assert len(planned(photos)[0]) == 4


def items(session) -> Items:
    return Items(session=session, dataset_id="d1")


def test_a_part_is_one_multipart_request(unconnected):
    part = Part(b"abc", "/x/a.png", "a.png", 3)
    hand = Hand(send(items(unconnected), part, mode="skip", metadata={"user": {"k": 1}}, description="d"))
    assert isinstance(hand.step, Upload)
    assert hand.step.path == "/datasets/d1/items"
    assert hand.step.params == {"mode": "skip"}
    assert hand.step.content_type == "image/png"
    assert list(hand.step.fields) == [
        ("type", "file"),
        ("path", "/x/a.png"),
        ("metadata", '{"user": {"k": 1}}'),
        ("description", "d"),
    ]
    hand.answer(reply({"id": "i", "metadata": {"system": {"size": 3}}}, x_item_op="created"))
    assert hand.result.id == "i"


def test_an_item_that_lost_bytes_is_removed_again(unconnected):
    hand = Hand(send(items(unconnected), Part(b"abc", "/a", "a", 3), mode="skip"))
    hand.answer(reply({"id": "i", "metadata": {"system": {"size": 2}}}, x_item_op="created"))
    assert hand.step == Request("DELETE", "/items/i")
    with pytest.raises(SDKError, match="2 of 3 bytes"):
        hand.answer(reply())


def test_an_item_that_was_kept_may_have_another_size(unconnected):
    hand = Hand(send(items(unconnected), Part(b"abc", "/a", "a", 3), mode="skip"))
    hand.answer(reply({"id": "i", "metadata": {"system": {"size": 2}}}, x_item_op="skip"))
    assert hand.result.id == "i"


def upload(session, local, **options) -> Hand:
    hand = Hand(Items.upload.op(items(session), local, **options))
    assert isinstance(hand.step, Blocking)
    return hand


def settle(hand: Hand, parts: list[Part], *, single: bool) -> None:
    hand.answer((parts, single))


PARTS = [Part(b"a", "/a", "a", 1), Part(b"b", "/b", "b", 1)]


def test_one_file_gives_its_item_and_its_own_error(unconnected):
    hand = upload(unconnected, "a")
    settle(hand, PARTS[:1], single=True)
    assert isinstance(hand.step, Upload)
    hand.answer(reply({"id": "i", "metadata": {"system": {"size": 1}}}))
    assert hand.result.id == "i"
    hand = upload(unconnected, "a")
    settle(hand, PARTS[:1], single=True)
    with pytest.raises(PermissionError):
        hand.fail(PermissionError("a"))


def test_one_file_gives_a_list_if_a_list_is_wanted(unconnected):
    hand = upload(unconnected, "a", return_as_list=True)
    settle(hand, PARTS[:1], single=True)
    hand.answer(reply({"id": "i", "metadata": {"system": {"size": 1}}}))
    assert [each.id for each in hand.result] == ["i"]


def test_several_files_give_one_error_that_names_each_that_failed(unconnected):
    hand = upload(unconnected, "folder", workers=5)
    settle(hand, PARTS, single=False)
    assert isinstance(hand.step, Gather)
    assert hand.step.limit == 5
    with pytest.raises(
        TransferFailed, match=r"1 of 2 files could not be uploaded\n  b: OSError: disk on fire"
    ) as caught:
        hand.answer(["the item", OSError("disk on fire")])
    assert caught.value.done == ["the item"]
    assert list(caught.value.failures) == ["b"]


def test_failures_that_may_be_are_logged(unconnected, caplog):
    hand = upload(unconnected, "folder", raise_on_error=False)
    settle(hand, PARTS, single=False)
    hand.answer(["the item", OSError("disk on fire")])
    assert hand.result == ["the item"]
    assert "b could not be uploaded: OSError: disk on fire" in caplog.text


def test_a_long_list_of_failures_is_cut():
    error = TransferFailed("12 of 12", {f"f{n}": OSError("x") for n in range(12)}, [])
    assert "and 2 more" in str(error)
    assert "f10" not in str(error)
