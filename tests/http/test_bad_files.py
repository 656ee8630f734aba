"""Uploads, links and headers that are wrong, and what was stored of them: never a failure of the platform."""

from __future__ import annotations

import json

import pytest

API = "/api/v1"
FILE = b'Content-Disposition: form-data; name="file"; filename="f.txt"'


def sent(http, dataset, *parts, kind="multipart/form-data; boundary=bnd"):
    body = b"".join(b"--bnd\r\n" + head + b"\r\n\r\n" + data + b"\r\n" for head, data in parts) + b"--bnd--\r\n"
    url = f"{API}/datasets/{dataset['id']}/items"
    return http.post(url, data=body, headers={"Content-Type": kind})


def link(ref, **info):
    return json.dumps(
        {"shebang": "dataloop", "type": "link", "metadata": {"linkInfo": {"type": "url", "ref": ref, **info}}}
    ).encode()


def test_a_boundary_that_no_header_can_say_is_refused(http, dataset):
    answer = sent(http, dataset, (FILE, b"x"), kind="multipart/form-data; boundary*=utf-8''%E2%82%AC")
    assert answer.status_code == 400
    assert "boundary" in answer.json()["message"]


@pytest.mark.parametrize("data", [b"[" * 30_000, b'{"a":' * 5_000, b"\xff\xfe", b'{"shebang": NaN}'])
def test_a_json_file_that_is_none_is_a_file_like_any_other(http, upload, data):
    item = upload("/odd.json", data).json()
    assert "shebang" not in item["metadata"]["system"]
    assert http.get(f"{API}/items/{item['id']}/stream").content == data


ADDRESSES = [
    "http://[",
    "http://x:99999/",
    "http://x:y/",
    "http://x/\r\nSet-Cookie: a=b",
    "http://",
    "http://x/\ud800",
    "http://x/" + "y" * 9000,
    "file:///etc/passwd",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_nobody_is_sent_to_an_address_that_is_none(http, upload, address):
    data = link(address)
    item = upload("/link.json", data).json()
    for place in ("stream", "thumbnail"):
        answer = http.get(f"{API}/items/{item['id']}/{place}", allow_redirects=False)
        assert "Location" not in answer.headers
        assert answer.status_code == (200 if place == "stream" else 404)
    assert http.get(f"{API}/items/{item['id']}/stream").content == data


@pytest.mark.parametrize("kind", ["a\r\nb", "é😀", "\u2028", "x", {"a": 1}, 5, "image/" + "x" * 100_000])
def test_a_type_that_no_header_can_say_is_refused(http, upload, kind):
    item = upload("/a.txt").json()
    url = f"{API}/items/{item['id']}"
    body = {"metadata": {"system": {"mimetype": kind}}}
    assert "metadata.system.mimetype" in http.refused(400, "PATCH", f"{url}?system=true", json=body)["message"]
    assert http.ok("GET", url) == item


@pytest.mark.parametrize("kind", ["é😀".encode(), b"nonsense", b"a/b\x01c", b"image/" + b"x" * 3000])
def test_an_upload_of_a_type_that_is_none_gets_that_of_its_name(http, dataset, kind):
    item = sent(http, dataset, (FILE + b"\r\nContent-Type: " + kind, b"x")).json()
    assert item["metadata"]["system"]["mimetype"] == "text/plain"
    assert http.get(f"{API}/items/{item['id']}/stream").headers["Content-Type"].startswith("text/plain")


def test_a_link_s_type_is_taken_only_if_it_is_one(http, upload):
    item = upload("/typed.json", link("http://example.org/", mimetype={"a": 1})).json()
    assert item["metadata"]["system"]["mimetype"] == "application/json"


def test_more_of_the_end_than_there_is_means_all_of_it(http, upload):
    item = upload("/a.txt", b"some bytes").json()
    answer = http.get(f"{API}/items/{item['id']}/stream", headers={"Range": "bytes=-9999999"})
    assert (answer.status_code, answer.content) == (206, b"some bytes")
    assert answer.headers["Content-Range"] == "bytes 0-9/10"


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "http://]", "//["])
def test_an_origin_that_is_none_is_a_foreign_one(http, project, origin):
    headers = {"Origin": origin}
    http.refused(403, "DELETE", f"{API}/projects/{project['id']}", headers=headers)
    assert http.ok("GET", f"{API}/projects/{project['id']}", headers=headers) == project
