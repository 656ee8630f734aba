"""Items over the wire: what is known of them, and how they are found."""

from __future__ import annotations

import json

import pytest

API = "/api/v1"
CLIENTS_DEFAULT = [{"hidden": False}, {"type": "file"}]


def found(http, dataset, *predicates, **more):
    body = {
        "filter": {"$and": [*CLIENTS_DEFAULT, *predicates]},
        "page": 0,
        "pageSize": 1000,
        "resource": "items",
        **more,
    }
    return http.ok("POST", f"{API}/datasets/{dataset['id']}/query", json=body)


def names(answer):
    return [each["filename"] for each in answer["items"]]


def test_an_item_has_all_the_keys_that_clients_read(http, project, dataset, upload):
    item = upload("/a/b.txt", b"12345").json()
    assert item["name"] == "b.txt"
    assert item["dir"] == "/a"
    assert item["filename"] == "/a/b.txt"
    assert item["datasetId"] == dataset["id"]
    assert item["projectId"] == project["id"]
    assert item["metadata"]["system"]["size"] == 5
    assert item["metadata"]["system"]["mimetype"] == "text/plain"
    assert item["stream"] == f"{http.base}/api/v1/items/{item['id']}/stream"
    assert http.ok("GET", f"{API}/items/{item['id']}") == item


def test_items_are_found_by_folder_by_glob_and_by_metadata(http, dataset, upload):
    upload("/a/one.txt", metadata=json.dumps({"user": {"score": 1}}))
    upload("/a/b/two.txt", metadata=json.dumps({"user": {"score": 2}}))
    upload("/three.txt")
    assert names(found(http, dataset, {"dir": "/a"})) == ["/a/one.txt"]
    assert names(found(http, dataset, {"filename": "/a/**"})) == ["/a/one.txt", "/a/b/two.txt"]
    assert names(found(http, dataset, {"metadata.user.score": {"$gt": 1}})) == ["/a/b/two.txt"]


def test_folders_appear_on_demand_only(http, dataset, upload):
    upload("/a/b/c.txt")
    assert names(found(http, dataset)) == ["/a/b/c.txt"]
    answer = http.ok("POST", f"{API}/datasets/{dataset['id']}/query", json={"filter": {"type": "dir"}})
    assert names(answer) == ["/a", "/a/b"]


def test_pages_by_cursor_keep_the_total(http, dataset, upload):
    for number in range(5):
        upload(f"/{number}.txt")
    seen, last = [], None
    while True:
        cursor = [] if last is None else [{"id": {"$gt": last}}]
        answer = found(http, dataset, *cursor, pageSize=2, sort={"id": "ascending"})
        assert answer["totalItemsCount"] == 5
        seen += names(answer)
        if not answer["hasNextPage"]:
            break
        last = answer["items"][-1]["id"]
    assert seen == [f"/{number}.txt" for number in range(5)]


def test_a_patch_goes_deep_and_null_removes(http, upload):
    item = upload("/a.txt", metadata=json.dumps({"user": {"a": {"b": 1, "c": 2}}})).json()
    changed = http.ok("PATCH", f"{API}/items/{item['id']}", json={"metadata": {"user": {"a": {"b": None, "d": [1]}}}})
    assert changed["metadata"]["user"] == {"a": {"c": 2, "d": [1]}}
    assert changed["updatedAt"] >= item["updatedAt"]
    assert http.ok("GET", f"{API}/items/{item['id']}") == changed


def test_a_patch_cannot_touch_what_describes_the_bytes(http, upload):
    item = upload("/a.txt").json()
    body = {"id": "x", "datasetId": "y", "creator": "z", "metadata": {"system": {"size": 1, "md5": "abc"}}}
    plain = http.ok("PATCH", f"{API}/items/{item['id']}", json=body)
    assert plain["metadata"]["system"] == item["metadata"]["system"]
    assert [plain[key] for key in ("id", "datasetId", "creator")] == [
        item[key] for key in ("id", "datasetId", "creator")
    ]
    system = http.ok("PATCH", f"{API}/items/{item['id']}?system=true", json=body)["metadata"]["system"]
    assert system == {**item["metadata"]["system"], "md5": "abc"}


def test_an_item_can_be_moved_but_not_onto_another(http, upload):
    item = upload("/a.txt", b"moved").json()
    upload("/taken.txt")
    http.refused(400, "PATCH", f"{API}/items/{item['id']}", json={"filename": "/taken.txt"})
    moved = http.ok("PATCH", f"{API}/items/{item['id']}", json={"filename": "/new/b.txt"})
    assert (moved["dir"], moved["name"]) == ("/new", "b.txt")
    assert http.get(f"{API}/items/{item['id']}/stream").content == b"moved"


def test_all_matches_are_updated_or_deleted_at_once(http, dataset, upload):
    for number in range(3):
        upload(f"/in/{number}.txt")
    upload("/out.txt")
    url = f"{API}/datasets/{dataset['id']}/query"
    within = {"filter": {"$and": [*CLIENTS_DEFAULT, {"dir": "/in"}]}, "resource": "items"}
    assert http.ok("POST", url, json={**within, "update": {"metadata": {"user": {"seen": True}}}}) == {"updated": 3}
    assert len(found(http, dataset, {"metadata.user.seen": True})["items"]) == 3
    assert http.ok("POST", url, json={**within, "delete": True}) == {"deleted": 3}
    assert names(found(http, dataset)) == ["/out.txt"]


def test_a_change_of_all_matches_needs_to_be_one(http, dataset):
    url = f"{API}/datasets/{dataset['id']}/query"
    http.refused(400, "POST", url, json={"filter": {}, "delete": "yes"})
    http.refused(400, "POST", url, json={"filter": {}, "update": [1]})
    http.refused(400, "POST", url, json={"filter": {"$bad": 1}, "delete": True})


def test_deleting_a_folder_deletes_what_is_below_it_and_nothing_beside_it(http, dataset, upload):
    for path in ("/a*/x.txt", "/a*/b/y.txt", "/ab/z.txt", "/a*0.txt"):
        assert upload(path).status_code == 200
    folder = http.ok(
        "POST", f"{API}/datasets/{dataset['id']}/query", json={"filter": {"type": "dir", "name": {"$eq": "b"}}}
    )
    assert names(folder) == ["/a*/b"]
    [top] = [
        each
        for each in http.ok("POST", f"{API}/datasets/{dataset['id']}/query", json={"filter": {"type": "dir"}})["items"]
        if each["filename"] == "/a*"
    ]
    http.ok("DELETE", f"{API}/items/{top['id']}")
    assert names(found(http, dataset)) == ["/ab/z.txt", "/a*0.txt"]


def test_a_deleted_item_is_gone(http, upload):
    item = upload("/a.txt").json()
    http.ok("DELETE", f"{API}/items/{item['id']}")
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/stream"), ("PATCH", "")):
        http.refused(404, method, f"{API}/items/{item['id']}{path}", json={})


def test_a_folder_is_made_from_a_form(http, dataset):
    made = http.ok("POST", f"{API}/datasets/{dataset['id']}/items", data={"type": "dir", "path": "/x/y"})
    assert (made["type"], made["filename"]) == ("dir", "/x/y")
    again = http.ok("POST", f"{API}/datasets/{dataset['id']}/items", data={"type": "dir", "path": "/x/y"})
    assert again["id"] == made["id"]


def test_a_clone_has_bytes_and_metadata_of_its_own(http, dataset, upload):
    item = upload("/a.txt", b"bytes", metadata=json.dumps({"user": {"k": 1}})).json()
    command = http.ok(
        "POST",
        f"{API}/items/{item['id']}/clone",
        json={"targetDatasetId": dataset["id"], "remoteFileName": "/copy.txt", "metadata": {"user": {"l": 2}}},
    )
    assert command["status"] == "success"
    assert "/api/v1/" in command["url"]
    [copy_id] = command["spec"]["returnedModelId"]
    http.ok("DELETE", f"{API}/items/{item['id']}")
    copy = http.ok("GET", f"{API}/items/{copy_id}")
    assert copy["metadata"]["user"] == {"k": 1, "l": 2}
    assert copy["srcItem"] == item["id"]
    assert http.get(f"{API}/items/{copy_id}/stream").content == b"bytes"


def test_a_clone_does_not_take_anothers_place(http, dataset, upload):
    item = upload("/a.txt").json()
    http.refused(400, "POST", f"{API}/items/{item['id']}/clone", json={"targetDatasetId": dataset["id"]})
    http.refused(404, "POST", f"{API}/items/{item['id']}/clone", json={"targetDatasetId": "nope"})


def test_annotations_are_kept_counted_and_gone_with_their_item(http, dataset, upload):
    item = upload("/a.txt").json()
    [made] = http.ok("POST", f"{API}/items/{item['id']}/annotations", json=[{"type": "class", "label": "dog"}])
    assert {"id", "creator", "createdAt", "updatedBy", "updatedAt", "type", "label", "metadata"} <= set(made)
    assert http.ok("GET", f"{API}/items/{item['id']}")["annotationsCount"] == 1
    listed = {"resource": "annotations", "filter": {"$and": [{"itemId": item["id"]}]}}
    assert http.ok("POST", f"{API}/datasets/{dataset['id']}/query", json=listed)["items"] == [made]
    http.ok("DELETE", f"{API}/items/{item['id']}")
    http.refused(404, "GET", f"{API}/annotations/{made['id']}")


def test_deleting_the_last_annotation_says_so_on_the_item(http, upload):
    item = upload("/a.txt").json()
    [made] = http.ok("POST", f"{API}/items/{item['id']}/annotations", json=[{"type": "class", "label": "dog"}])
    changed = http.ok("PUT", f"{API}/annotations/{made['id']}", json={**made, "label": "cat", "itemId": "other"})
    assert (changed["label"], changed["itemId"]) == ("cat", item["id"])
    http.ok("DELETE", f"{API}/annotations/{made['id']}")
    assert http.ok("GET", f"{API}/items/{item['id']}")["annotated"] is False


@pytest.mark.parametrize("body", ["[1]", '"text"', "{", "", "NaN", '{"metadata": []}', '{"filename": 5}'])
def test_a_patch_that_is_none_is_refused(http, upload, body):
    item = upload("/a.txt").json()
    http.refused(400, "PATCH", f"{API}/items/{item['id']}", data=body, headers={"Content-Type": "application/json"})
    assert http.ok("GET", f"{API}/items/{item['id']}") == item
