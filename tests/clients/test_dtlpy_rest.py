"""The rest of what the field's SDK can do here, verb by verb; and what it cannot, which is told by its name."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.clients.steps import FINAL, code, every, over, pipeline_of, same

pytestmark = pytest.mark.sdks("dtlpy")


def short(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def deployed(dl, project):
    def double(n: int):
        return n * 2

    return project.services.deploy(service_name=short("service"), func=double)


def ended(dl, execution):
    for _ in range(20):
        found = dl.executions.get(execution_id=execution.id)
        if found.latest_status["status"] in FINAL:
            return found
    raise AssertionError(f"it did not end: {found.latest_status}")


def test_a_pipeline_is_validated_tested_counted_paused_and_reset(dl, project, item):
    pipeline = pipeline_of(project, code(dl, project, same))
    assert pipeline.validate()["valid"] is True
    settings = dl.PipelineSettings(default_resume_option="resumeExistingCycles")
    assert project.pipelines.update_settings(pipeline, settings).id == pipeline.id
    tested = over(pipeline, pipeline.test(execution_input={"item": item.id}))
    assert tested.status == "success"
    run = pipeline.execute(execution_input={"item": item.id})
    assert pipeline.pipeline_executions.wait(pipeline_execution_id=run.id, timeout=60).status == "success"
    counters = {each.status: each.count for each in pipeline.stats().pipeline_counters}
    assert counters["success"] >= 1
    assert project.pipelines.get(pipeline_name=pipeline.name).id == pipeline.id
    with pytest.raises(dl.exceptions.BadRequest):
        pipeline.reset()
    pipeline.pause()
    assert pipeline.reset()
    composition = dl.repositories.Compositions(client_api=project._client_api, project=project)
    assert composition.get(pipeline.composition_id)["pipelineId"] == pipeline.id
    pipeline.nodes.remove("same")
    assert pipeline.nodes.get("same") is None
    assert pipeline.delete()
    with pytest.raises(dl.exceptions.NotFound):
        dl.pipelines.get(pipeline_id=pipeline.id)


def test_a_service_is_looked_at_tuned_restarted_and_deleted(dl, project):
    service = deployed(dl, project)
    assert project.services.name_validation(service.name) is None
    assert service.status()["active"] is True
    service.execution_timeout = 99
    assert service.update().execution_timeout == 99
    assert len(project.services.revisions(service=service)) == 2
    assert service.restart()
    service.pause()
    service.resume()
    service.checkout()
    assert service.delete()
    with pytest.raises(dl.exceptions.NotFound):
        dl.services.get(service_id=service.id)


def test_calls_are_listed_changed_waited_for_and_made_again(dl, project):
    service = deployed(dl, project)
    call = service.execute(execution_input={"n": 2}, function_name="run", project_id=project.id)
    assert ended(dl, call).output == 4
    assert dl.executions.wait(execution=call, timeout=60).status[-1]["status"] == "success"
    assert dl.executions.update(call).id == call.id
    filters = dl.Filters(resource=dl.FiltersResource.EXECUTION, field="serviceId", values=service.id)
    assert service.rerun_batch(filters=filters).status == "success"
    assert len(every(service.executions.list())) == 2
    assert [each for each in dl.commands.list() if each.status == "success"]


def test_triggers_of_a_service_are_made_changed_copied_and_deleted(dl, project):
    service = deployed(dl, project)
    filters = dl.Filters(field="dir", values="/never")
    options = {"execution_mode": dl.TriggerExecutionMode.ONCE, "resource": dl.TriggerResource.ITEM}
    actions = dl.TriggerAction.CREATED
    event = service.triggers.create(name="first", filters=filters, actions=actions, function_name="run", **options)
    cron = service.triggers.create(
        name="second", trigger_type=dl.TriggerType.CRON, cron="5 4 * * *", function_name="run"
    )
    assert service.triggers.get(trigger_name="first").id == event.id
    assert dl.triggers.get(trigger_id=cron.id).cron == "5 4 * * *"
    assert sorted(each.name for each in every(service.triggers.list())) == ["first", "second"]
    assert project.triggers.name_validation("a-name") is None
    with pytest.raises(dl.exceptions.BadRequest):
        project.triggers.name_validation("no/name")
    event.active = False
    assert event.update().active is False
    copy = project.triggers.clone(trigger_id=event.id, project_id=project.id, name="third")
    assert (copy.name, copy.active) == ("third", False)
    assert copy.id != event.id
    assert event.delete()
    assert sorted(each.name for each in every(service.triggers.list())) == ["second", "third"]
    cron.cron = "not a cron"
    with pytest.raises(dl.exceptions.BadRequest, match="cron"):
        cron.update()


def test_a_project_and_its_members(dl, project):
    assert project.id in [each.id for each in dl.projects.list()]
    assert dl.projects.get(project_name=project.name).id == project.id
    project.add_member(email="a@example.com", role=dl.MEMBER_ROLE_DEVELOPER)
    project.update_member(email="a@example.com", role=dl.MEMBER_ROLE_ANNOTATOR)
    assert "a@example.com" in [each.email for each in project.list_members()]
    project.remove_member(email="a@example.com")
    assert "a@example.com" not in [each.email for each in project.list_members()]
    name = project.name = short("renamed")
    project.update()
    assert dl.projects.get(project_id=project.id).name == name
    other = dl.projects.create(project_name=short("other"))
    assert other.delete(sure=True, really=True)
    with pytest.raises(dl.exceptions.NotFound):
        dl.projects.get(project_id=other.id)


def test_a_dataset_is_looked_at_changed_and_deleted(dl, project, dataset, item):
    assert [each.id for each in project.datasets.list()] == [dataset.id]
    assert "/in" in dataset.directory_tree.dir_names
    dataset.name = "renamed"
    assert project.datasets.update(dataset).name == "renamed"
    assert project.datasets.unlock(dataset).id == dataset.id
    dataset.set_readonly(False)
    assert dataset.delete(sure=True, really=True)
    with pytest.raises(dl.exceptions.NotFound):
        project.datasets.get(dataset_id=dataset.id)


def test_items_go_up_come_down_move_and_are_changed_by_a_query(dl, dataset, item, folder):
    (folder / "up").mkdir()
    (folder / "up" / "two.txt").write_text("two")
    dataset.items.upload(local_path=str(folder / "up" / "two.txt"), remote_path="/up")
    assert dataset.items.make_dir("/empty").type == "dir"
    dataset.items.download(local_path=str(folder / "down"))
    assert (folder / "down" / "items" / "up" / "two.txt").read_text() == "two"
    copy = item.clone(dst_dataset_id=dataset.id, remote_filepath="/copies/one.txt")
    copy.move(new_path="/moved/")
    assert dl.items.get(item_id=copy.id).filename == "/moved/one.txt"
    item.metadata["user"] = {"a": 1}
    item.update()
    assert [each.id for each in every(dataset.items.list(filters=dl.Filters(field="metadata.user.a", values=1)))] == [
        item.id
    ]
    dataset.items.update(filters=dl.Filters(field="dir", values="/up"), update_values={"b": 2})
    assert dataset.items.get(filepath="/up/two.txt").metadata["user"] == {"b": 2}
    assert len([*dataset.items.get_all_items()]) == 3
    link = dl.UrlLink(ref="http://127.0.0.1:9/x.png", mimetype="image/png", name="linked")
    assert dataset.items.upload(local_path=link).metadata["system"]["shebang"]["linkInfo"]["ref"] == link.ref
    assert dataset.items.delete(filters=dl.Filters(field="dir", values="/moved"))
    item.delete()
    with pytest.raises(dl.exceptions.NotFound):
        dl.items.get(item_id=item.id)


def test_annotations_are_shown_as_files_and_read_back(dl, dataset, item, folder):
    builder = item.annotations.builder()
    builder.add(annotation_definition=dl.Box(top=1, left=2, bottom=3, right=4, label="dog"))
    item.annotations.upload(builder)
    path = item.annotations.download(str(folder / "one.json"))
    assert json.loads(open(path).read())["annotations"][0]["label"] == "dog"  # noqa: PTH123, SIM115
    assert item.annotations.list()[0].update_status(dl.AnnotationStatus.ISSUE).status == "issue"
    item.annotations.update(item.annotations.list()[0])
    item.annotations.upload(path)
    assert len(item.annotations.list()) in (1, 2)


def test_files_of_a_package_are_kept_as_artifacts(dl, project, folder):
    (folder / "weights.bin").write_bytes(b"weights")
    name = short("package")
    made = project.artifacts.upload(filepath=str(folder / "weights.bin"), package_name=name)
    assert [each.id for each in project.artifacts.list(package_name=name)] == [made.id]
    project.artifacts.download(package_name=name, artifact_name="weights.bin", local_path=str(folder / "down"))
    assert [each.read_bytes() for each in (folder / "down").rglob("weights.bin")] == [b"weights"]
    assert project.artifacts.delete(artifact_id=made.id, package_name=name)


@pytest.mark.parametrize(
    ("noun", "feature"),
    [("feature_sets", "feature vectors"), ("drivers", "storage drivers"), ("bots", "bots")],
)
def test_what_is_not_offered_is_told_by_its_name(dl, project, noun, feature):
    with pytest.raises(dl.exceptions.NotFound, match=f"this platform has no {feature}"):
        getattr(project, noun).list()


def test_repositories_have_the_verbs_of_their_entities(dl, project, dataset, item, folder):
    pipeline = pipeline_of(project, code(dl, project, same))
    begun = project.pipelines.execute(pipeline=pipeline, execution_input={"item": item.id})
    assert over(pipeline, begun).status == "success"
    service = deployed(dl, project)
    call = project.services.execute(
        service=service, execution_input={"n": 3}, function_name="run", project_id=project.id
    )
    assert ended(dl, call).output == 6
    service.executions.logs(execution_id=call.id, follow=False)
    copy = dataset.items.clone(item_id=item.id, dst_dataset_id=dataset.id, remote_filepath="/copy.txt")
    assert copy.filename == "/copy.txt"
    command = dl.commands.list()[0]
    assert dl.commands.wait(command_id=command.id).status == "success"
    with pytest.raises(dl.exceptions.Conflict):
        dl.commands.abort(command_id=command.id)
    ontology = dataset.recipes.list()[0].ontologies.create(labels=[], title="to go")
    assert dataset.ontologies.delete(ontology.id)
    (folder / "src").mkdir()
    (folder / "src" / "main.py").write_text("")
    project.codebases.pack(directory=str(folder / "src"), name="raw")
    assert [each.codebase_name if hasattr(each, "codebase_name") else each for each in every(project.codebases.list())]
    (folder / "labels").mkdir()
    project.datasets.upload_annotations(dataset=dataset, local_path=str(folder / "labels"))
