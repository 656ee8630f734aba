"""Projects, datasets and items, through the field's SDK and through ours."""

from __future__ import annotations

import io
import uuid
from pathlib import Path

import pytest

from tests.clients.steps import every

pytestmark = pytest.mark.sdks("dtlpy", "dtlpipe")


# --- projects --------------------------------------------------


def test_a_project_lives(dl):
    name = f"life of a project {uuid.uuid4().hex}"
    project = dl.projects.create(project_name=name)
    assert dl.projects.get(project_id=project.id).name == name
    assert dl.projects.get(project_name=name).id == project.id
    assert project.id in [each.id for each in dl.projects.list()]
    project.name = f"{name} renamed"
    project.update()
    assert dl.projects.get(project_id=project.id).name == f"{name} renamed"
    with pytest.raises(dl.exceptions.NotFound):
        dl.projects.get(project_name=name)
    assert project.delete(sure=True, really=True) is True
    for wanted in ({"project_id": project.id}, {"project_name": f"{name} renamed"}):
        with pytest.raises(dl.exceptions.NotFound):
            dl.projects.get(**wanted)
    assert project.id not in [each.id for each in dl.projects.list()]


def test_a_project_is_deleted_only_by_who_is_sure(dl, project):
    for sure, really in ((False, False), (True, False), (False, True)):
        with pytest.raises(Exception, match=r"sure|Cant delete"):
            project.delete(sure=sure, really=really)
    assert dl.projects.get(project_id=project.id).id == project.id


def test_a_projects_name_is_taken_once(dl, project):
    before = len(list(dl.projects.list()))
    with pytest.raises((dl.exceptions.Conflict, dl.exceptions.BadRequest)) as refused:
        dl.projects.create(project_name=project.name)
    assert project.name in str(refused.value)
    assert len(list(dl.projects.list())) == before


@pytest.mark.parametrize("name", ["a/b?c=d&e#f %20", "名前", 'it\'s "quoted"'])
def test_a_name_may_hold_anything_that_people_write(dl, name):
    name = f"{name} {uuid.uuid4().hex}"
    made = dl.projects.create(project_name=name)
    assert made.name == name
    assert dl.projects.get(project_id=made.id).name == name
    assert dl.projects.get(project_name=name).id == made.id
    dataset = made.datasets.create(dataset_name=name)
    assert made.datasets.get(dataset_name=name).id == dataset.id


# --- datasets --------------------------------------------------


def test_a_dataset_lives(dl, project):
    dataset = project.datasets.create(dataset_name="photos")
    assert project.datasets.get(dataset_name="photos").id == dataset.id
    assert dl.datasets.get(dataset_id=dataset.id).name == "photos"
    assert [each.name for each in every(project.datasets.list())] == ["photos"]
    dataset.name = "pictures"
    dataset.metadata["user"] = {"by": "me"}
    dataset.update()
    again = dl.datasets.get(dataset_id=dataset.id)
    assert (again.name, again.metadata["user"]) == ("pictures", {"by": "me"})
    assert again.project.id == project.id
    assert again.delete(sure=True, really=True) is True
    assert every(project.datasets.list()) == []
    with pytest.raises(dl.exceptions.NotFound):
        dl.datasets.get(dataset_id=dataset.id)
    with pytest.raises(dl.exceptions.NotFound):
        project.datasets.get(dataset_name="pictures")


def test_datasets_of_other_projects_are_not_listed(dl, project, dataset):
    other = dl.projects.create(project_name=uuid.uuid4().hex)
    other.datasets.create(dataset_name="data")
    assert [each.id for each in every(project.datasets.list())] == [dataset.id]
    assert project.datasets.get(dataset_name="data").id == dataset.id


def test_a_datasets_name_is_taken_once_in_its_project(dl, project, dataset):
    with pytest.raises((dl.exceptions.Conflict, dl.exceptions.BadRequest)) as refused:
        project.datasets.create(dataset_name="data")
    assert "data" in str(refused.value)
    assert len(every(project.datasets.list())) == 1


# --- uploading and downloading --------------------------------------------------


def test_a_file_comes_back_as_it_went(dl, dataset, folder):
    content = bytes(range(256)) * 1000
    local = folder / "photo.png"
    local.write_bytes(content)
    item = dataset.items.upload(local_path=str(local), remote_path="/a/b")
    assert (item.filename, item.name, item.dir) == ("/a/b/photo.png", "photo.png", "/a/b")
    assert item.metadata["system"]["size"] == len(content)
    assert item.metadata["system"]["mimetype"] == "image/png"
    assert item.metadata["system"]["originalname"] == "photo.png"
    assert item.download(save_locally=False).read() == content
    target = folder / "down"
    target.mkdir()
    where = item.download(local_path=str(target))
    assert Path(where).read_bytes() == content
    assert dataset.items.get(filepath="/a/b/photo.png").id == item.id
    assert dataset.items.get(item_id=item.id).filename == "/a/b/photo.png"
    assert dl.items.get(item_id=item.id).dataset.id == dataset.id


def test_bytes_and_open_files_are_items_of_the_name_that_is_given(dl, dataset):
    one = dataset.items.upload(local_path=b"from bytes", remote_name="one.bin", remote_path="/made")
    buffer = io.BytesIO(b"from a buffer")
    buffer.name = "two.bin"
    two = dataset.items.upload(local_path=buffer, remote_path="/made")
    assert [one.filename, two.filename] == ["/made/one.bin", "/made/two.bin"]
    assert two.download(save_locally=False).read() == b"from a buffer"


def test_an_empty_file_is_an_item_of_no_bytes(dl, dataset):
    item = dataset.items.upload(local_path=b"", remote_name="empty.txt")
    assert item.metadata["system"]["size"] == 0
    assert item.download(save_locally=False).read() == b""


def test_a_folder_goes_as_it_is_with_what_lies_below(dl, dataset, folder):
    for name in ("x.txt", "deep/y.txt", "deep/er/z.txt"):
        path = folder / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    found = every(dataset.items.upload(local_path=str(folder / "tree"), remote_path="/up"))
    names = sorted(each.filename for each in found)
    assert names == ["/up/tree/deep/er/z.txt", "/up/tree/deep/y.txt", "/up/tree/x.txt"]
    assert sorted(each.filename for each in every(dataset.items.list())) == names
    dataset.items.upload(local_path=f"{folder}/tree/*", remote_path="/flat")
    flat = sorted(each.filename for each in every(dataset.items.list(filters=dl.Filters("filename", "/flat/**"))))
    assert flat == ["/flat/deep/er/z.txt", "/flat/deep/y.txt", "/flat/x.txt"]


def test_many_items_are_downloaded_into_their_folders(dl, dataset, folder):
    for name in ("/a/x.txt", "/a/b/y.txt"):
        dataset.items.upload(
            local_path=name.encode(), remote_name=name.rpartition("/")[2], remote_path=name.rpartition("/")[0]
        )
    dataset.items.download(local_path=str(folder))
    found = {str(each.relative_to(folder)).removeprefix("items/"): each.read_text() for each in folder.rglob("*.txt")}
    assert found == {"a/x.txt": "/a/x.txt", "a/b/y.txt": "/a/b/y.txt"}


@pytest.mark.parametrize("name", ["blank in name.txt", "ümläut.txt", "%41.txt", "a+b&c=d.txt", "#1.txt", "日本.txt"])
def test_file_names_are_what_people_call_their_files(dl, dataset, name):
    item = dataset.items.upload(local_path=b"x", remote_name=name, remote_path="/some where")
    assert item.filename == f"/some where/{name}"
    assert dataset.items.get(filepath=f"/some where/{name}").id == item.id
    assert item.download(save_locally=False).read() == b"x"


def test_what_is_there_is_kept_unless_it_is_to_be_overwritten(dl, dataset):
    first = dataset.items.upload(local_path=b"old", remote_name="x.txt", item_metadata={"user": {"a": 1}})
    kept = dataset.items.upload(local_path=b"newer", remote_name="x.txt")
    assert kept.id == first.id
    assert dataset.items.get(item_id=first.id).download(save_locally=False).read() == b"old"
    replaced = dataset.items.upload(local_path=b"newest!", remote_name="x.txt", overwrite=True)
    assert replaced.download(save_locally=False).read() == b"newest!"
    assert replaced.metadata["system"]["size"] == 7
    assert [each.filename for each in every(dataset.items.list())] == ["/x.txt"]


def test_metadata_and_description_come_with_the_upload(dl, dataset):
    item = dataset.items.upload(
        local_path=b"x", remote_name="x.txt", item_metadata={"user": {"deep": {"er": [1, None]}}}, item_description="ä"
    )
    again = dataset.items.get(item_id=item.id)
    assert again.metadata["user"] == {"deep": {"er": [1, None]}}
    assert again.description == "ä"
    assert again.metadata["system"]["size"] == 1


def test_a_folder_is_made_and_listed_only_on_demand(dl, dataset):
    made = dataset.items.make_dir(directory="/one/two")
    assert (made.type, made.filename) == ("dir", "/one/two")
    assert every(dataset.items.list()) == []
    found = every(dataset.items.list(filters=dl.Filters(field="type", values="dir")))
    assert {"/one", "/one/two"} <= {each.filename for each in found}
    assert dataset.items.get(filepath="/one/two", is_dir=True).id == made.id


# --- finding --------------------------------------------------


def test_a_listing_goes_through_all_its_pages(dl, dataset):
    names = [f"{number:02}.txt" for number in range(23)]
    for name in names:
        dataset.items.upload(local_path=b"x", remote_name=name)
    filters = dl.Filters()
    filters.page_size = 5
    listing = dataset.items.list(filters=filters)
    assert listing.items_count == 23
    assert len(listing.items) == 5
    assert listing.has_next_page
    assert [each.name for each in listing.all()] == names
    assert [each.name for each in every(dataset.items.list(filters=filters))] == names
    assert listing.items_count == 23


def test_a_listing_is_sorted_as_it_is_asked_to(dl, dataset):
    for name, n in (("b.txt", 1), ("c.txt", 3), ("a.txt", 2)):
        dataset.items.upload(local_path=b"x", remote_name=name, item_metadata={"user": {"n": n}})
    for field, direction, wanted in (
        ("name", dl.FiltersOrderByDirection.ASCENDING, "abc"),
        ("name", dl.FiltersOrderByDirection.DESCENDING, "cba"),
        ("metadata.user.n", dl.FiltersOrderByDirection.DESCENDING, "cab"),
    ):
        filters = dl.Filters()
        filters.page_size = 2
        filters.sort_by(field=field, value=direction)
        assert "".join(each.name[0] for each in dataset.items.list(filters=filters).all()) == wanted


def test_every_operator_finds_what_it_says(dl, dataset):
    for n in range(5):
        user = {"n": n, "even": n % 2 == 0, "tags": [f"t{n}", "all"], **({"odd": 1} if n % 2 else {})}
        dataset.items.upload(
            local_path=b"x" * n, remote_name=f"{n}.txt", remote_path=f"/dir{n % 2}/sub", item_metadata={"user": user}
        )
    op = dl.FiltersOperations
    for field, values, operator, wanted in (
        ("metadata.user.n", 3, None, "3"),
        ("metadata.user.n", 3, op.EQUAL, "3"),
        ("metadata.user.n", 3, op.NOT_EQUAL, "0124"),
        ("metadata.user.n", 3, op.GREATER_THAN, "4"),
        ("metadata.user.n", 2, op.LESS_THAN, "01"),
        ("metadata.user.n", [1, 4, 9], op.IN, "14"),
        ("metadata.user.n", [1, 4, 9], op.NIN, "023"),
        ("metadata.user.odd", True, op.EXISTS, "13"),
        ("metadata.user.odd", False, op.EXISTS, "024"),
        ("metadata.user.even", True, None, "024"),
        ("metadata.user.tags", "t2", None, "2"),
        ("metadata.user.tags", ["t2", "t4"], op.IN, "24"),
        ("metadata.system.size", 3, op.GREATER_THAN, "4"),
        ("name", "2.t*", None, "2"),
        ("name", "^[34]", op.MATCH, "34"),
        ("dir", "/dir1/sub", None, "13"),
        ("dir", "/dir1", None, ""),
        ("dir", "/dir1/*", None, "13"),
        ("filename", "/dir0/**", None, "024"),
        ("filename", "/dir0", None, "024"),
        ("filename", "/dir0/sub/2.txt", None, "2"),
    ):
        filters = dl.Filters()
        filters.add(field=field, values=values, operator=operator)
        found = "".join(sorted(each.name[0] for each in dataset.items.list(filters=filters).all()))
        assert found == wanted, (field, values, operator)


def test_alternatives_are_any_of_them(dl, dataset):
    for n in range(4):
        dataset.items.upload(local_path=b"x", remote_name=f"{n}.txt", remote_path="/a" if n < 3 else "/b")
    filters = dl.Filters(field="dir", values="/a")
    filters.add(field="name", values="0.txt", method=dl.FiltersMethod.OR)
    filters.add(field="name", values="2.txt", method=dl.FiltersMethod.OR)
    filters.add(field="name", values="3.txt", method=dl.FiltersMethod.OR)
    assert [each.name for each in dataset.items.list(filters=filters).all()] == ["0.txt", "2.txt"]
    custom = dl.Filters(custom_filter={"filter": {"$or": [{"name": "1.txt"}, {"dir": "/b"}]}})
    assert [each.name for each in dataset.items.list(filters=custom).all()] == ["1.txt", "3.txt"]


def test_what_is_not_there_is_not_found(dl, dataset, item):
    nowhere = "0" * 24
    with pytest.raises(dl.exceptions.NotFound):
        dataset.items.get(item_id=nowhere)
    with pytest.raises(dl.exceptions.NotFound):
        dl.items.get(item_id=nowhere)
    with pytest.raises(dl.exceptions.NotFound):
        dataset.items.get(filepath="/in/other.txt")
    with pytest.raises(dl.exceptions.NotFound):
        dl.datasets.get(dataset_id=nowhere)


# --- changing --------------------------------------------------


def test_metadata_is_changed_and_keys_are_removed(dl, dataset, item):
    item.metadata["user"] = {"keep": 1, "drop": 2, "deep": {"keep": 1, "drop": {"x": 1}}, "list": [1, 2]}
    item = item.update()
    item.metadata["user"]["new"] = "n"
    del item.metadata["user"]["drop"]
    del item.metadata["user"]["deep"]["drop"]
    item.metadata["user"]["list"] = [2]
    item = item.update()
    wanted = {"keep": 1, "deep": {"keep": 1}, "list": [2], "new": "n"}
    assert item.metadata["user"] == wanted
    again = dataset.items.get(item_id=item.id)
    assert again.metadata["user"] == wanted
    assert again.metadata["system"]["size"] == 10
    del again.metadata["user"]
    again.update()
    assert "user" not in dataset.items.get(item_id=item.id).metadata


def test_two_editors_do_not_undo_each_other(dl, dataset, item):
    one, two = (dataset.items.get(item_id=item.id) for _ in range(2))
    one.metadata.setdefault("user", {})["a"] = 1
    one.update()
    two.metadata.setdefault("user", {})["b"] = 2
    two.update()
    assert dataset.items.get(item_id=item.id).metadata["user"] == {"a": 1, "b": 2}


def test_system_metadata_changes_only_on_purpose(dl, dataset, item):
    item.metadata["system"]["mine"] = 1
    item.update()
    assert "mine" not in dataset.items.get(item_id=item.id).metadata["system"]
    item.metadata["system"]["mine"] = 2
    item.update(system_metadata=True)
    assert dataset.items.get(item_id=item.id).metadata["system"]["mine"] == 2


def test_an_item_is_renamed_and_moved(dl, dataset, item):
    item.filename = "/elsewhere/two.txt"
    item = item.update()
    again = dataset.items.get(item_id=item.id)
    assert (again.filename, again.name, again.dir) == ("/elsewhere/two.txt", "two.txt", "/elsewhere")
    assert again.download(save_locally=False).read() == b"some bytes"
    with pytest.raises(dl.exceptions.NotFound):
        dataset.items.get(filepath="/in/one.txt")


def test_all_that_match_are_changed_or_deleted_at_once(dl, dataset):
    for n in range(4):
        dataset.items.upload(local_path=b"x", remote_name=f"{n}.txt", remote_path="/a" if n < 3 else "/b")
    dataset.items.update(filters=dl.Filters(field="dir", values="/a"), update_values={"seen": True})
    seen = [each.metadata.get("user") for each in dataset.items.list().all()]
    assert seen == [{"seen": True}] * 3 + [None]
    dataset.items.delete(filters=dl.Filters(field="dir", values="/a"))
    assert [each.filename for each in every(dataset.items.list())] == ["/b/3.txt"]


def test_an_item_is_deleted_by_any_of_its_names(dl, dataset):
    one, two, three = (dataset.items.upload(local_path=b"x", remote_name=f"{n}.txt") for n in range(3))
    assert one.delete() is True
    assert dataset.items.delete(item_id=two.id) is True
    assert dataset.items.delete(filename="/2.txt") is True
    assert every(dataset.items.list()) == []
    for each in (one, two, three):
        with pytest.raises(dl.exceptions.NotFound):
            dl.items.get(item_id=each.id)
    with pytest.raises(dl.exceptions.NotFound):
        one.delete()


def test_a_dataset_counts_its_items(dl, dataset):
    for n in range(3):
        dataset.items.upload(local_path=b"x", remote_name=f"{n}.txt", remote_path="/a")
    assert dl.datasets.get(dataset_id=dataset.id).items_count == 3
