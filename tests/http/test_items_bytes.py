"""Bytes of items: up and down, whole and in parts, and what is refused on the way."""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import json
import socket
from pathlib import Path

import pytest

from mock_server.testing import LocalPlatform

API = "/api/v1"


def multipart(*parts, boundary="b0undary"):
    """A body made by hand: (name, filename or None, bytes)."""
    lines = []
    for name, filename, data in parts:
        disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
        lines.append(f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + data + b"\r\n")
    return b"".join(lines) + f"--{boundary}--\r\n".encode(), {
        "Content-Type": f"multipart/form-data; boundary={boundary}"
    }


def chunked(body, size=7):
    """A body without a known length, as clients that stream send it."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


@pytest.mark.parametrize("data", [b"", b"x", b"\r\n--b0undar\r\n" * 999, bytes(range(256)) * 5000])
def test_bytes_come_back_as_they_went(http, upload, data):
    item = upload("/a.bin", data).json()
    assert item["metadata"]["system"]["size"] == len(data)
    assert http.get(f"{API}/items/{item['id']}/stream").content == data


def test_a_chunked_upload_needs_no_content_length(http, dataset):
    data = bytes(range(256)) * 40
    body, headers = multipart(("type", None, b"file"), ("path", None, b"/c.bin"), ("file", "c.bin", data))
    url = f"{API}/datasets/{dataset['id']}/items?mode=skip"
    item = http.ok("POST", url, data=chunked(body, 777), headers=headers)
    assert item["metadata"]["system"]["size"] == len(data)
    assert http.get(f"{API}/items/{item['id']}/stream").content == data


def test_the_file_may_come_before_its_path(http, dataset):
    body, headers = multipart(("file", "c.bin", b"first"), ("path", None, b"/folder/c.bin"))
    item = http.ok("POST", f"{API}/datasets/{dataset['id']}/items", data=body, headers=headers)
    assert item["filename"] == "/folder/c.bin"


def test_a_path_that_is_a_folder_takes_the_files_own_name(http, dataset):
    body, headers = multipart(("path", None, b"/folder/"), ("file", "c.bin", b"x"))
    item = http.ok("POST", f"{API}/datasets/{dataset['id']}/items", data=body, headers=headers)
    assert item["filename"] == "/folder/c.bin"


def test_skip_keeps_what_is_there_and_overwrite_keeps_the_id(http, upload):
    first = upload("/a.txt", b"one", metadata=json.dumps({"user": {"k": 1}}))
    skipped = upload("/a.txt", b"two", mode="skip")
    assert [first.headers["x-item-op"], skipped.headers["x-item-op"]] == ["created", "skip"]
    assert skipped.json() == first.json()
    replaced = upload("/a.txt", b"three", mode="overwrite")
    assert replaced.headers["x-item-op"] == "overwrite"
    assert replaced.json()["id"] == first.json()["id"]
    assert replaced.json()["metadata"]["user"] == {"k": 1}
    assert replaced.json()["metadata"]["system"]["size"] == 5
    assert http.get(f"{API}/items/{first.json()['id']}/stream").content == b"three"


def test_dtlpy_is_kept_from_deleting_what_a_skip_keeps(http, upload):
    """It deletes an item whose size is not that of what it sent."""
    first = upload("/a.txt", b"one").json()
    http.headers["User-Agent"] = "dtlpy/1.126.5"
    skipped = upload("/a.txt", b"another")
    assert skipped.headers["x-item-op"] == "skip"
    assert (skipped.json()["id"], skipped.json()["metadata"]["system"]["size"]) == (first["id"], 7)
    assert http.ok("GET", f"/api/v1/items/{first['id']}")["metadata"]["system"]["size"] == 3


def test_many_uploads_at_once_make_each_folder_once(http, dataset, upload):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: upload(f"/a/b/{number % 10}.txt", b"%d" % number), range(40)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.headers["x-item-op"] == "created" for answer in answers) == 10
    listed = http.ok("POST", f"{API}/datasets/{dataset['id']}/query", json={"filter": {}})
    assert listed["totalItemsCount"] == 12


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=0-", 206, slice(0, None)),
        ("bytes=3-5", 206, slice(3, 6)),
        ("bytes=5-", 206, slice(5, None)),
        ("bytes=-2", 206, slice(-2, None)),
        ("bytes=0-999", 206, slice(0, None)),
        ("lines=1-2", 200, slice(0, None)),
        ("bytes=0-1,4-5", 200, slice(0, None)),
    ],
)
def test_a_range_is_honoured(http, upload, wanted, status, part):
    item = upload("/a.txt", b"0123456789").json()
    answer = http.get(f"{API}/items/{item['id']}/stream", headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (status, b"0123456789"[part])
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    if status == 206:
        first = int(answer.headers["Content-Range"].removeprefix("bytes ").split("-")[0])
        assert b"0123456789"[first:].startswith(answer.content)


def test_a_range_beyond_the_end_is_refused(http, upload):
    item = upload("/a.txt", b"0123456789").json()
    url = f"{API}/items/{item['id']}/stream"
    http.refused(416, "GET", url, headers={"Range": "bytes=10-"})
    assert http.get(url, headers={"Range": "bytes=10-"}).headers["Content-Range"] == "bytes */10"


def test_an_empty_item_may_be_asked_for_from_its_first_byte(http, upload):
    item = upload("/empty.txt", b"").json()
    answer = http.get(f"{API}/items/{item['id']}/stream", headers={"Range": "bytes=0-"})
    assert (answer.status_code, answer.content) == (200, b"")


def test_asking_for_headers_alone_sends_no_bytes(http, upload):
    item = upload("/a.txt", b"0123456789").json()
    answer = http.head(f"{API}/items/{item['id']}/stream")
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "10")


def test_a_page_among_the_items_is_never_shown_as_a_page_of_the_platform(http, upload):
    item = upload("/evil.html", b"<script>alert(1)</script>").json()
    headers = http.get(f"{API}/items/{item['id']}/stream").headers
    assert headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


def link(kind, ref):
    info = {"type": kind, "ref": ref, "mimetype": "image/png"}
    document = {"type": "link", "shebang": "dataloop", "metadata": {"dltype": "link", "linkInfo": info}}
    return json.dumps(document).encode()


def test_a_link_to_an_address_leads_there(http, upload):
    item = upload("/x_link.json", link("url", "http://example.org/x.png")).json()
    assert item["metadata"]["system"]["shebang"]["linkInfo"]["ref"] == "http://example.org/x.png"
    answer = http.get(f"{API}/items/{item['id']}/stream", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://example.org/x.png")


def test_a_link_to_an_item_gives_that_items_bytes(http, upload):
    target = upload("/real.txt", b"real").json()
    item = upload("/x_link.json", link("id", target["id"])).json()
    assert http.get(f"{API}/items/{item['id']}/stream").content == b"real"


def test_a_link_into_the_readers_own_machine_is_no_link(http, upload):
    content = link("url", "file:///etc/passwd")
    item = upload("/x_link.json", content).json()
    answer = http.get(f"{API}/items/{item['id']}/stream", allow_redirects=False)
    assert (answer.status_code, answer.content) == (200, content)


BAD_PATHS = [
    "/../x.txt",
    "/a/../../x.txt",
    "..",
    "/a/./x.txt",
    "\\\\server\\share",
    "/a\\..\\x.txt",
    "C:/x.txt",
    "/a\x00b.txt",
    "/a\nb.txt",
    "/ .. /x.txt",
    "/" + "x" * 300,
    "/" + "/".join(["y" * 200] * 6),
    "/",
]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_a_path_that_leads_elsewhere_is_refused_and_nothing_is_kept(http, dataset, blobs, path):
    before = blobs()
    body, headers = multipart(("path", None, path.encode()), ("file", "", b"unique " + path.encode()))
    assert (
        "path"
        in http.refused(400, "POST", f"{API}/datasets/{dataset['id']}/items", data=body, headers=headers)["message"]
    )
    assert blobs() == before
    assert http.ok("POST", f"{API}/datasets/{dataset['id']}/query", json={})["totalItemsCount"] == 0


@pytest.mark.parametrize("name", ["../../x.txt", "/etc/passwd", "..\\x.txt", "~/x.txt"])
def test_a_file_name_that_leads_elsewhere_is_refused(http, dataset, name):
    body, headers = multipart(("path", None, b"/fine.txt"), ("file", name.replace("\\", "\\\\"), b"x"))
    http.refused(400, "POST", f"{API}/datasets/{dataset['id']}/items", data=body, headers=headers)
    assert http.ok("POST", f"{API}/datasets/{dataset['id']}/query", json={})["totalItemsCount"] == 0


def test_a_file_does_not_become_a_folder_nor_a_folder_a_file(upload, http, dataset):
    upload("/a/b.txt")
    assert upload("/a/b.txt/c.txt").status_code == 400
    assert upload("/a", mode="overwrite").status_code == 400
    http.refused(400, "POST", f"{API}/datasets/{dataset['id']}/items", data={"type": "dir", "path": "/a/b.txt"})


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([("path", None, b"/x.txt")], "no file"),
        ([("path", None, b"/x.txt"), ("metadata", None, b"{"), ("file", "x.txt", b"x")], "metadata"),
        ([("path", None, b"/x.txt"), ("metadata", None, b"[1]"), ("file", "x.txt", b"x")], "metadata"),
        ([("path", None, b"/x.txt"), ("file", "x.txt", b"x"), ("file", "y.txt", b"y")], "more than one"),
        ([("path", None, b"\xff\xfe"), ("file", "x.txt", b"x")], "UTF-8"),
    ],
)
def test_a_form_that_is_none_is_refused(http, dataset, parts, said):
    body, headers = multipart(*parts)
    url = f"{API}/datasets/{dataset['id']}/items"
    assert said in http.refused(400, "POST", url, data=body, headers=headers)["message"]
    assert http.ok("POST", f"{API}/datasets/{dataset['id']}/query", json={})["totalItemsCount"] == 0


@pytest.mark.parametrize("cut", [1, 20, 60, 120])
def test_a_body_that_ends_too_early_leaves_nothing(http, dataset, cut):
    body, headers = multipart(("path", None, b"/x.txt"), ("file", "x.txt", b"x" * 40))
    url = f"{API}/datasets/{dataset['id']}/items"
    http.refused(400, "POST", url, data=body[: len(body) - 2 - cut], headers=headers)
    assert http.ok("POST", f"{API}/datasets/{dataset['id']}/query", json={})["totalItemsCount"] == 0


def test_a_body_without_its_boundary_is_refused(http, dataset):
    url = f"{API}/datasets/{dataset['id']}/items"
    http.refused(400, "POST", url, data=b"x" * 100, headers={"Content-Type": "multipart/form-data; boundary=nope"})
    http.refused(400, "POST", url, data=b"x" * 100, headers={"Content-Type": "multipart/form-data"})
    much = b"x" * (3 << 20)
    http.refused(400, "POST", url, data=much, headers={"Content-Type": "multipart/form-data; boundary=nope"})


def test_an_unknown_mode_and_an_unknown_dataset_are_told(http, upload):
    assert upload("/a.txt", mode="sometimes").status_code == 400
    http.refused(404, "POST", f"{API}/datasets/nope/items", files={"file": ("a.txt", b"x")})


@pytest.fixture(scope="module")
def small():
    """A platform that takes little."""
    with LocalPlatform(max_upload=100_000, max_body=50_000) as found:
        yield found


@pytest.mark.parametrize("way", ["length", "chunked", "just over"])
def test_an_upload_over_the_limit_is_refused_and_leaves_nothing_behind(small, connect, way):
    http = connect(small)
    project = http.ok("POST", f"{API}/projects", data={"name": way})
    dataset = http.ok("POST", f"{API}/datasets", json={"name": "d", "projects": [project["id"]]})
    data = b"x" * (100_001 if way == "just over" else 5_000_000)
    body, headers = multipart(("path", None, b"/big.bin"), ("file", "big.bin", data))
    sent = chunked(body, 65536) if way == "chunked" else body
    url = f"{API}/datasets/{dataset['id']}/items"
    answer = http.post(url, data=sent, headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (413, 413)
    assert http.ok("POST", f"{API}/datasets/{dataset['id']}/query", json={})["totalItemsCount"] == 0
    assert [path for path in (small.data_dir / "blobs").rglob("*") if path.is_file()] == []
    spool = small.data_dir / "spool"
    assert not spool.exists() or list(spool.iterdir()) == []


def test_an_upload_just_within_the_limit_is_taken(small, connect):
    http = connect(small)
    project = http.ok("POST", f"{API}/projects", data={"name": "within"})
    dataset = http.ok("POST", f"{API}/datasets", json={"name": "d", "projects": [project["id"]]})
    files = {"file": ("big.bin", b"x" * 100_000)}
    item = http.ok("POST", f"{API}/datasets/{dataset['id']}/items", data={"path": "/big.bin"}, files=files)
    assert item["metadata"]["system"]["size"] == 100_000


def test_json_over_its_own_limit_is_refused(small, connect):
    body = json.dumps({"name": "x" * 60_000})
    answer = connect(small).post(f"{API}/projects", data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["status"]) == (413, 413)


def test_an_upload_larger_than_memory_buffers_arrives_whole(http, upload):
    data = hashlib.sha256(b"seed").digest() * (3 << 15)
    item = upload("/big.bin", data).json()
    with http.get(f"{API}/items/{item['id']}/stream", stream=True) as answer:
        digest = hashlib.sha256()
        for chunk in answer.iter_content(1 << 16):
            digest.update(chunk)
    assert digest.hexdigest() == hashlib.sha256(data).hexdigest()


def spooled(platform):
    """Files without a name that this process holds in the spool folder."""
    found = []
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found += [target] if str(platform.data_dir / "spool") in (target := str(each.readlink())) else []
    return found


def test_an_upload_that_breaks_off_lets_go_of_what_came(platform, http):
    body, headers = multipart(("path", None, b"/x.txt"), ("file", "x.txt", b"x" * 3_000_000))
    head = f"POST /api/v1/datasets/x/items HTTP/1.1\r\nHost: localhost\r\nContent-Type: {headers['Content-Type']}\r\n"
    with socket.create_connection(("127.0.0.1", int(platform.url.rsplit(":", 1)[1])), timeout=20) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:2_000_000])
        while not spooled(platform):
            assert http.get("/health").status_code == 200
    while spooled(platform):
        assert http.get("/health").status_code == 200


def test_bytes_go_when_the_last_item_that_names_them_is_gone(connect):
    with LocalPlatform() as platform:
        http = connect(platform)
        project = http.ok("POST", f"{API}/projects", data={"name": "p"})
        dataset = http.ok("POST", f"{API}/datasets", json={"name": "d", "projects": [project["id"]]})
        url = f"{API}/datasets/{dataset['id']}/items"
        one, two = (
            http.ok("POST", url, data={"path": path}, files={"file": ("f", b"shared")}) for path in ("/1.txt", "/2.txt")
        )
        sweep = platform.platform.items.sweep
        http.ok("DELETE", f"{API}/items/{one['id']}")
        assert sweep(older_than=-1) == 0
        assert http.get(f"{API}/items/{two['id']}/stream").content == b"shared"
        http.ok("DELETE", f"{API}/items/{two['id']}")
        assert sweep() == 0, "what came lately is spared: its item may be on its way"
        assert sweep(lambda: True, older_than=-1) == 0, "a sweep that is told to stop deletes nothing more"
        assert sweep(older_than=-1) == 1
