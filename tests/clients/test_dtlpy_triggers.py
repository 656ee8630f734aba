"""Triggers of what only the field's SDK can make: annotations."""

from __future__ import annotations

import pytest

from tests.clients.steps import code, every, installed, output, over

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
