"""Triggers of what only the field's SDK can make: annotations."""

from __future__ import annotations

import pytest

from tests.clients.steps import code, every, installed, output, over, same

pytestmark = pytest.mark.sdks("dtlpy")


def test_a_new_annotation_is_an_event_and_node_code_is_given_the_annotation(dl, project, item):
    def label(annotation):
        return annotation.label

    pipeline = project.pipelines.create(name="pipe")
    node = code(dl, project, label, {"annotation": "ANNOTATION"}, {"label": "STRING"})
    pipeline.nodes.add(node)
    node.add_trigger(
        resource=dl.TriggerResource.ANNOTATION,
        filters=dl.Filters(resource=dl.FiltersResource.ANNOTATION, field="label", values="cat"),
    )
    pipeline = installed(pipeline)
    builder = item.annotations.builder()
    for name in ("dog", "cat"):
        builder.add(annotation_definition=dl.Box(top=1, left=1, bottom=5, right=5, label=name))
    item.annotations.upload(builder)
    (run,) = [over(pipeline, each) for each in every(pipeline.pipeline_executions.list())]
    assert run.status == "success"
    assert output(dl, run, "label") == "cat"


def task_name(task):
    return task.name


def listening(dl, project, method, ports, resource, action):
    """A pipeline that begins with each of such events."""
    pipeline = project.pipelines.create(name=method.__name__)
    node = code(dl, project, method, *ports)
    pipeline.nodes.add(node)
    always = dl.TriggerExecutionMode.ALWAYS
    node.add_trigger(resource=resource, actions=[action], execution_mode=always)
    return installed(pipeline)


def test_what_people_say_of_an_item_is_an_event_and_so_is_a_new_task(dl, project, dataset, item):
    said = ({"item": "ITEM"}, {"item": "ITEM"}), dl.TriggerResource.ITEM_STATUS, dl.TriggerAction.STATUS_CHANGED
    made = ({"task": "TASK"}, {"name": "STRING"}), dl.TriggerResource.TASK, dl.TriggerAction.CREATED
    of_status, of_tasks = (listening(dl, project, *each) for each in ((same, *said), (task_name, *made)))
    task = dataset.tasks.create(task_name="look", recipe_id="r1", scoring=True)
    (run,) = every(of_tasks.pipeline_executions.list())
    assert output(dl, over(of_tasks, run), "task_name") == "look"
    assert every(of_status.pipeline_executions.list()) == []
    item.update_status(status="complete", task_id=task.id)
    (run,) = every(of_status.pipeline_executions.list())
    ((part,),) = over(of_status, run).executions.values()
    assert part["input"] == {"item": {"item_id": item.id}}
