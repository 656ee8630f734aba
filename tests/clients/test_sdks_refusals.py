"""What the platform refuses, as users of either SDK meet it, and that nothing of it is kept."""

from __future__ import annotations

import pytest

from tests.clients.steps import code, every, pipeline_of

pytestmark = pytest.mark.sdks("dtlpy", "dtlpipe")


def attempted(action):
    """What came of it: dtlpy logs failed uploads where dtlpipe raises."""
    try:
        return action()
    except Exception as error:
        return error


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("/", "../escaped.txt"),
        ("/a/../../b", "x.txt"),
        ("/..", "x.txt"),
        ("/a", ".."),
        ("/a\\..\\b", "x.txt"),
        ("/C:/windows", "x.txt"),
        ("/a\x00b", "x.txt"),
        ("/" + "n" * 300, "x.txt"),
        ("/deep" * 300, "x.txt"),
    ],
)
def test_names_that_climb_out_of_the_dataset_are_refused(dl, dataset, folder, name):
    made = attempted(lambda: dataset.items.upload(local_path=b"x", remote_name=name, remote_path=folder))
    found = every(dataset.items.list(filters=dl.Filters(use_defaults=False)))
    for each in found:  # an SDK may have mended the path; what is stored must be inside
        assert ".." not in each.filename.split("/")
        assert "\\" not in each.filename
    if isinstance(made, Exception) or made is None:
        assert found == []


def test_an_item_cannot_be_moved_out_of_its_dataset(dl, dataset, item):
    for path in ("/../x.txt", "/a/../../x.txt", "x\\y.txt", "/"):
        moved = dataset.items.get(item_id=item.id)
        moved.filename = path
        with pytest.raises((dl.exceptions.BadRequest, ValueError)):
            moved.update()
        assert dataset.items.get(item_id=item.id).filename == "/in/one.txt"


def test_a_file_is_no_folder_and_a_folder_no_file(dl, dataset, item):
    made = attempted(lambda: dataset.items.upload(local_path=b"x", remote_name="y.txt", remote_path="/in/one.txt"))
    assert made is None or isinstance(made, Exception)
    with pytest.raises(dl.exceptions.BadRequest, match="is a file"):
        dataset.items.make_dir(directory="/in/one.txt")
    assert [each.filename for each in every(dataset.items.list())] == ["/in/one.txt"]


def test_metadata_that_is_no_object_is_refused(dl, dataset, item):
    item.metadata = ["not", "an", "object"]
    with pytest.raises(Exception):  # noqa: B017 - each SDK in its own words
        item.update()
    again = dataset.items.get(item_id=item.id)
    assert again.metadata["system"]["size"] == 10


def test_a_condition_that_is_no_query_is_refused_with_its_key(dl, project):
    def run(item):
        return item

    a, b = code(dl, project, run, name="a"), code(dl, project, run, name="b")
    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(a)
    a.connect(b, filters=dl.Filters(custom_filter={"name": {"$near": 1}}))
    with pytest.raises(dl.exceptions.BadRequest, match="near"):
        pipeline.update()
    assert list(project.pipelines.get(pipeline_id=pipeline.id).nodes) == []


def test_a_query_that_is_none_does_not_pass_for_an_empty_answer(dl, dataset, item):
    filters = dl.Filters(custom_filter={"filter": {"name": {"$near": 1}}})
    if dl.__name__ == "dtlpy":  # it makes an empty page of every 400
        assert dataset.items.list(filters=filters).items_count == 0
    else:
        with pytest.raises(dl.exceptions.BadRequest, match="near"):
            dataset.items.list(filters=filters)


def test_a_batch_needs_its_datasets(dl, project, item):
    def run(item):
        return item

    pipeline = pipeline_of(project, code(dl, project, run))
    with pytest.raises(dl.exceptions.BadRequest, match="dataset"):
        pipeline.execute_batch(filters=dl.Filters(field="dir", values="/in"))
    with pytest.raises(dl.exceptions.BadRequest):
        pipeline.execute_batch(filters=None)
    assert pipeline.pipeline_executions.list().items_count == 0


def test_errors_carry_their_status_and_message(dl, project):
    for call, error, status in (
        (lambda: dl.items.get(item_id="0" * 24), dl.exceptions.NotFound, "404"),
        (lambda: dl.pipelines.get(pipeline_id="nowhere"), dl.exceptions.NotFound, "404"),
        (lambda: project.pipelines.create(name="x" * 300), dl.exceptions.BadRequest, "400"),
        (lambda: project.pipelines.create(name="   "), dl.exceptions.BadRequest, "400"),
        (lambda: project.pipelines.create(name="x", project_id="nowhere"), dl.exceptions.NotFound, "404"),
    ):
        with pytest.raises(error) as refused:
            call()
        assert refused.value.status_code == status
        assert refused.value.message
        assert isinstance(refused.value, dl.exceptions.ExceptionMain)
    assert project.pipelines.list().items_count == 0


def test_a_projects_name_conflict_is_a_conflict(dl, project):
    with pytest.raises((dl.exceptions.Conflict, dl.exceptions.BadRequest)) as refused:
        dl.projects.create(project_name=project.name)
    assert refused.value.status_code in ("400", "409")


def test_what_a_node_returns_that_is_no_value_fails_it_with_the_port(dl, project):
    def run(n):
        return {"when": object()}

    pipeline = pipeline_of(project, code(dl, project, run, {"n": "INT"}, {"found": "JSON"}))
    done = pipeline.execute(execution_input={"n": 1})
    done = done.wait()
    assert done.status == "failed"
    (part,) = next(iter(done.executions.values()))
    message = part["latestStatus"]["error"]["message"]
    assert "found" in message
    assert "object" in message
