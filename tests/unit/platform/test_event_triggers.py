"""Event triggers: what begins when something happens to an item, an annotation or a dataset, and what does not."""

from __future__ import annotations

import json

import pytest

from dtlpipe.errors import BadRequest, Unavailable
from dtlpipe.model.enums import TriggerAction, TriggerResource
from mock_server.platform import firing, triggers
from mock_server.platform.documents import now
from mock_server.platform.items import Upload
from mock_server.store.base import Kind
from tests.unit.platform.building import code_node, definition, port, root
from tests.unit.platform.conftest import ME


@pytest.fixture
def dataset(platform, project):
    return platform.datasets.create({"name": "data", "projects": [project["id"]]}, ME)


def on(*actions, resource="Item", mode="Always", **spec):
    return {"type": "Event", "spec": {"resource": resource, "actions": list(actions), "executionMode": mode, **spec}}


@pytest.fixture
def listening(installed):
    """An installed pipeline whose root has this trigger."""

    def listening(trigger, inputs=("item",), name="pipeline"):
        return installed(definition(code_node("a", inputs=inputs), starts=[root("a", trigger=trigger)], name=name))

    return listening


def upload(platform, dataset, path="/a.txt", data=b"x", **more):
    return platform.items.upload(dataset["id"], Upload(path=path, creator=ME, **more), data)[0]


def runs(platform, pipeline):
    return list(reversed(platform.store.find_runs({"filter": {"pipelineId": pipeline["id"]}})[0]))


def inputs(platform, pipeline):
    return [row.inputs for row in runs(platform, pipeline)]


def trigger_of(platform, pipeline):
    query = {"filter": {"spec.operation.id": pipeline["id"]}}
    (found,) = platform.triggers.query(query)["items"]
    return found


class TestItems:
    def test_an_upload_begins_a_run_from_the_start_node_with_the_item(self, platform, listening, dataset):
        pipeline = listening(on("Created"))
        item = upload(platform, dataset)
        (row,) = runs(platform, pipeline)
        assert row.inputs == {"item": {"item_id": item["id"]}}
        assert row.start_node == "a"
        (shown,) = platform.runs.query({"filter": {"pipelineId": pipeline["id"]}})["items"]
        assert shown["creator"] == "pipelines@dataloop.ai"
        assert shown["triggerId"] == trigger_of(platform, pipeline)["id"]

    def test_an_upload_that_is_skipped_is_no_event_and_one_that_overwrites_is_an_update(
        self, platform, listening, dataset
    ):
        created, updated = listening(on("Created"), name="c"), listening(on("Updated"), name="u")
        for mode in ("skip", "skip", "overwrite"):
            upload(platform, dataset, mode=mode)
        assert len(runs(platform, created)) == 1
        assert len(runs(platform, updated)) == 1

    def test_each_change_of_an_item_is_an_update(self, platform, listening, dataset):
        pipeline = listening(on("Updated"))
        item = upload(platform, dataset)
        other = upload(platform, dataset, "/b.txt")
        platform.items.update(item["id"], {"metadata": {"user": {"n": 1}}}, ME)
        platform.items.update_all(dataset["id"], {"filter": {}}, {"metadata": {"user": {"n": 2}}}, ME)
        ids = [each["item"]["item_id"] for each in inputs(platform, pipeline)]
        assert ids == [item["id"], item["id"], other["id"]]

    def test_a_deleted_item_goes_to_the_run_as_it_was(self, platform, listening, dataset):
        pipeline = listening(on("Deleted"))
        item = upload(platform, dataset, metadata={"user": {"n": 1}})
        platform.items.delete(item["id"])
        (given,) = inputs(platform, pipeline)
        assert given["item"]["item_id"] == item["id"]
        assert given["item"]["deleted"]["metadata"]["user"] == {"n": 1}

    def test_what_goes_with_a_folder_or_a_dataset_is_deleted_too(self, platform, listening, dataset):
        pipeline = listening(on("Deleted"))
        for path in ("/in/a.txt", "/in/b.txt", "/c.txt"):
            upload(platform, dataset, path)
        folder = platform.items.make_folder(dataset["id"], "/in", ME)
        platform.items.delete(folder["id"])
        assert len(runs(platform, pipeline)) == 2
        platform.datasets.delete(dataset["id"])
        assert len(runs(platform, pipeline)) == 3

    def test_a_clone_is_both_cloned_and_created_and_that_is_one_event(self, platform, listening, dataset):
        upload(platform, dataset)
        cloned, both = listening(on("Clone"), name="c"), listening(on("Created", "Clone"), name="b")
        item = platform.items.query(dataset["id"], {"filter": {"type": "file"}}).items[0]
        platform.items.clone(item["id"], dataset["id"], ME, path="/b.txt")
        assert len(runs(platform, cloned)) == len(runs(platform, both)) == 1

    def test_folders_and_what_is_hidden_begin_nothing(self, platform, listening, dataset, project):
        pipeline = listening(on("Created"))
        platform.items.make_folder(dataset["id"], "/in", ME)
        upload(platform, platform.datasets.binaries(project["id"]), "/code.zip")
        assert runs(platform, pipeline) == []

    def test_triggers_of_more_projects_than_are_remembered_fire_too(self, platform, listening, dataset, monkeypatch):
        monkeypatch.setattr(firing, "PROJECTS", 1)
        pipeline = listening(on("Created"))
        other = platform.projects.create("other", ME)
        elsewhere = platform.datasets.create({"name": "data", "projects": [other["id"]]}, ME)
        for number in range(2):
            upload(platform, elsewhere, f"/{number}")
            upload(platform, dataset, f"/{number}")
        assert len(runs(platform, pipeline)) == 2

    def test_what_happens_in_another_project_begins_nothing(self, platform, listening):
        pipeline = listening(on("Created"))
        other = platform.projects.create("other", ME)
        upload(platform, platform.datasets.create({"name": "data", "projects": [other["id"]]}, ME))
        assert runs(platform, pipeline) == []


class TestFilters:
    @pytest.mark.parametrize("as_text", [True, False])
    def test_only_what_a_filter_matches_begins_a_run(self, platform, listening, dataset, as_text):
        query = {"$and": [{"hidden": False}, {"dir": "/in"}, {"metadata.user.n": {"$gt": 1}}]}
        pipeline = listening(on("Created", filter=json.dumps(query) if as_text else query))
        for path, n in (("/in/a", 2), ("/in/b", 1), ("/out/a", 2)):
            upload(platform, dataset, path, metadata={"user": {"n": n}})
        (row,) = runs(platform, pipeline)
        assert platform.items.get(row.inputs["item"]["item_id"])["filename"] == "/in/a"

    def test_a_filter_sees_the_item_as_it_is_after_the_change(self, platform, listening, dataset):
        pipeline = listening(on("Updated", filter={"metadata.user.ready": True}))
        item = upload(platform, dataset)
        for ready in (False, True):
            platform.items.update(item["id"], {"metadata": {"user": {"ready": ready}}}, ME)
        assert len(runs(platform, pipeline)) == 1

    @pytest.mark.parametrize(
        "spec", [{"filter": "{"}, {"filter": {"a": {"$no": 1}}}, {"resource": "Thing"}, {"executionMode": "Twice"}]
    )
    def test_what_cannot_be_a_trigger_is_refused_when_it_is_said(self, listening, spec):
        with pytest.raises(BadRequest, match="the trigger of node 'node a' is wrong"):
            listening(on("Created", **({"mode": spec["executionMode"]} if "executionMode" in spec else spec)))

    def test_one_for_what_never_happens_here_is_taken_with_a_warning(self, platform, create):
        body = definition(code_node("a"), starts=[root("a", trigger=on("statusChanged", resource="ItemStatus"))])
        create(body)
        said = platform.pipelines.validate(body)
        assert said["valid"]
        assert "never fires" in said["warnings"][0]["message"]


class TestOnce:
    def test_one_that_fires_once_does_so_for_each_resource(self, platform, listening, dataset):
        pipeline = listening(on("Created", "Updated", mode="Once"))
        for path in ("/a", "/b", "/a"):
            upload(platform, dataset, path, mode="overwrite")
        assert len(runs(platform, pipeline)) == 2

    def test_what_does_not_match_yet_may_still_fire_it(self, platform, listening, dataset):
        pipeline = listening(on("Created", "Updated", mode="Once", filter={"metadata.user.ready": True}))
        item = upload(platform, dataset)
        for _ in range(2):
            platform.items.update(item["id"], {"metadata": {"user": {"ready": True}}}, ME)
        assert len(runs(platform, pipeline)) == 1

    def test_it_remembers_over_a_pause_and_forgets_with_the_trigger(self, platform, listening, dataset):
        pipeline = listening(on("Created", "Updated", mode="Once"))
        upload(platform, dataset)
        platform.pipelines.uninstall(pipeline["id"], None, ME)
        platform.pipelines.install(pipeline["id"], None, ME)
        upload(platform, dataset, mode="overwrite")
        assert len(runs(platform, pipeline)) == 1
        platform.pipelines.delete(pipeline["id"], ME)
        left = [each["id"] for each in platform.store.iterate(Kind.SETTING) if each["id"].startswith("once:")]
        assert left == []


class TestOtherResources:
    def test_annotations_have_events_of_their_own(self, platform, listening, dataset):
        annotation_port = port("annotation", "Annotation")
        made = {
            action: listening(on(action, resource="Annotation"), [annotation_port], action)
            for action in ("Created", "Updated", "Deleted")
        }
        item = upload(platform, dataset)
        one, two = platform.items.annotations.create(item["id"], [{"type": "box", "label": "a"}, {"type": "box"}], ME)
        platform.items.annotations.update(one["id"], {"label": "b"}, ME)
        platform.items.annotations.delete(one["id"])
        platform.items.delete(item["id"])
        found = {
            action: [each["annotation"]["annotation_id"] for each in inputs(platform, pipeline)]
            for action, pipeline in made.items()
        }
        assert found == {"Created": [one["id"], two["id"]], "Updated": [one["id"]], "Deleted": [one["id"], two["id"]]}

    def test_datasets_have_events_too(self, platform, listening, project):
        dataset_port = port("data", "Dataset")
        made = [listening(on(each, resource="Dataset"), [dataset_port], each) for each in ("Created", "Deleted")]
        dataset = platform.datasets.create({"name": "new", "projects": [project["id"]]}, ME)
        platform.datasets.delete(dataset["id"])
        created, deleted = (inputs(platform, each) for each in made)
        assert created == [{"data": {"dataset_id": dataset["id"]}}]
        assert deleted[0]["data"]["deleted"]["name"] == "new"


class TestPorts:
    def test_the_resource_goes_to_the_port_of_its_type(self, platform, listening, dataset):
        pipeline = listening(on("Created", input={"text": "hi"}), [port("text", "String"), port("picture", "Item")])
        item = upload(platform, dataset)
        assert inputs(platform, pipeline) == [{"text": "hi", "picture": {"item_id": item["id"]}}]

    def test_or_alone_into_a_list_of_them_or_by_its_own_name(self, platform, listening, dataset):
        many, none = listening(on("Created"), [port("all", "Item[]")], "m"), listening(on("Created"), [], "n")
        reference = {"item_id": upload(platform, dataset)["id"]}
        assert inputs(platform, many) == [{"all": [reference]}]
        assert inputs(platform, none) == [{"item": reference}]


class TestLives:
    def test_each_start_node_begins_runs_of_its_own(self, platform, installed, dataset):
        starts = [root("a", trigger=on("Created")), {"nodeId": "b", "type": "trigger", "trigger": on("Created")}]
        pipeline = installed(definition(code_node("a"), code_node("b"), starts=starts))
        upload(platform, dataset)
        assert sorted(row.start_node for row in runs(platform, pipeline)) == ["a", "b"]

    def test_a_pause_puts_it_to_rest_and_an_install_wakes_it(self, platform, listening, dataset):
        pipeline = listening(on("Created"))
        platform.pipelines.uninstall(pipeline["id"], None, ME)
        upload(platform, dataset, "/a")
        platform.pipelines.install(pipeline["id"], None, ME)
        assert runs(platform, pipeline) == []
        upload(platform, dataset, "/b")
        assert len(runs(platform, pipeline)) == 1

    def test_kept_active_it_collects_what_the_next_install_begins(self, platform, listening, dataset):
        pipeline = listening(on("Created"))
        platform.pipelines.uninstall(pipeline["id"], {"keepTriggersActive": True}, ME)
        items = [upload(platform, dataset, f"/{number}") for number in range(3)]
        assert runs(platform, pipeline) == []
        platform.pipelines.install(pipeline["id"], None, ME)
        assert inputs(platform, pipeline) == [{"item": {"item_id": each["id"]}} for each in items]
        platform.pipelines.install(pipeline["id"], None, ME)
        assert len(runs(platform, pipeline)) == 3

    def test_what_waited_for_a_node_that_was_dropped_is_told(self, platform, installed, dataset):
        starts = [root("a"), {"nodeId": "b", "type": "trigger", "trigger": on("Created")}]
        pipeline = installed(definition(code_node("a"), code_node("b"), starts=starts))
        platform.pipelines.uninstall(pipeline["id"], {"keepTriggersActive": True}, ME)
        upload(platform, dataset)
        platform.pipelines.update(pipeline["id"], definition(code_node("a")), ME)
        platform.pipelines.install(pipeline["id"], None, ME)
        assert runs(platform, pipeline) == []
        (event,) = [each for each in platform.store.events() if each.kind == "trigger.failed"]
        assert "no node 'b'" in event.body["message"]

    def test_edits_take_effect_at_once(self, platform, listening, dataset):
        pipeline = listening(on("Created"))
        trigger = trigger_of(platform, pipeline)
        platform.triggers.update(trigger["id"], {"active": False})
        upload(platform, dataset, "/a")
        platform.triggers.update(trigger["id"], {"active": True, "spec": {"filter": {"name": "c"}}})
        upload(platform, dataset, "/b")
        upload(platform, dataset, "/c")
        assert len(runs(platform, pipeline)) == 1
        assert runs(platform, pipeline)[0].revision_id == platform.pipelines.revision(pipeline)["id"]

    def test_one_that_was_switched_off_stays_so_when_its_pipeline_is_edited(self, platform, listening):
        pipeline = listening(on("Created"))
        platform.triggers.update(trigger_of(platform, pipeline)["id"], {"active": False})
        platform.pipelines.update(pipeline["id"], {"description": "edited"}, ME)
        assert trigger_of(platform, pipeline)["active"] is False
        platform.pipelines.install(pipeline["id"], None, ME)
        assert trigger_of(platform, pipeline)["active"] is True

    def test_an_edit_that_was_undone_has_no_effect_on_anything(self, platform, listening, dataset):
        pipeline = listening(on("Created"))
        item = upload(platform, dataset, "/a")

        def undone(tx):
            triggers.rest(tx, pipeline["id"], now())
            platform.firing.tell(tx, TriggerResource.ITEM, dataset, [item], TriggerAction.CREATED)
            raise OSError("no")

        with pytest.raises(OSError, match="no"):
            platform.write(undone)
        upload(platform, dataset, "/b")
        assert len(runs(platform, pipeline)) == 2

    def test_the_event_and_its_run_are_one_change(self, platform, listening, dataset, monkeypatch):
        pipeline = listening(on("Created"))
        begin = platform.scheduler.begin

        def broken(tx, submission):
            begin(tx, submission)
            raise OSError("no")

        monkeypatch.setattr(platform.scheduler, "begin", broken)
        with pytest.raises(OSError, match="no"):
            upload(platform, dataset)
        assert runs(platform, pipeline) == []
        assert platform.datasets.counts(dataset["id"])["itemsCount"] == 0

    def test_without_a_worker_nothing_is_changed_that_a_trigger_listens_to(self, platform, listening, dataset):
        pipeline = listening(on("Created"))
        platform.scheduler = None
        with pytest.raises(Unavailable):
            upload(platform, dataset)
        assert platform.datasets.counts(dataset["id"])["itemsCount"] == 0
        assert runs(platform, pipeline) == []


class TestServices:
    @pytest.fixture
    def service(self, platform, project):
        function = {"name": "run", "input": [port("item"), port("n", "Integer")], "output": []}
        modules = [{"name": "default_module", "functions": [function]}]
        package = platform.packages.create({"name": "p", "projectId": project["id"], "modules": modules}, ME)
        body = {"name": "service", "projectId": project["id"], "packageId": package["id"]}
        return platform.services.create(body, ME)

    @pytest.fixture
    def trigger(self, platform, project, service):
        operation = {"type": "function", "serviceId": service["id"], "functionName": "run"}
        event = on("Created", input={"n": 1})
        body = {"name": "t", "projectId": project["id"], **event, "spec": {**event["spec"], "operation": operation}}
        return platform.triggers.create(body, ME)

    def test_a_function_is_called_with_the_resource(self, platform, service, trigger, dataset):
        item = upload(platform, dataset)
        (call,) = platform.executions.query({"filter": {"serviceId": service["id"]}})["items"]
        assert call["input"] == {"n": 1, "item": {"item_id": item["id"]}}
        assert call["functionName"] == "run"
        assert call["creator"] == "piper@dataloop.ai"
        assert call["triggerId"] == trigger["id"] == platform.executions.get(call["id"])["triggerId"]

    def test_a_paused_service_is_not_called_and_the_upload_is_none_the_worse(self, platform, service, trigger, dataset):
        platform.services.pause(service["id"])
        upload(platform, dataset)
        assert platform.executions.query({"filter": {"serviceId": service["id"]}})["totalItemsCount"] == 0
        (event,) = [each for each in platform.store.events() if each.kind == "trigger.failed"]
        assert event.body["triggerId"] == trigger["id"]
        assert "service" in event.body["message"]

    def test_a_deleted_trigger_is_silent(self, platform, service, trigger, dataset):
        platform.triggers.delete(trigger["id"])
        upload(platform, dataset)
        assert platform.executions.query({"filter": {"serviceId": service["id"]}})["totalItemsCount"] == 0

    def test_its_input_is_an_object(self, platform, trigger):
        with pytest.raises(BadRequest, match="its input is"):
            platform.triggers.update(trigger["id"], {"spec": {"input": [1]}})
