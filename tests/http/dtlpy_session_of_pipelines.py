"""What `test_pipelines_dtlpy` runs in a process of its own: all that the field's own SDK does with pipelines."""

import re
import uuid

import dtlpy as dl
import pytest

project = dl.projects.create("project-" + uuid.uuid4().hex)
pipeline = project.pipelines.create(name="pipe-" + uuid.uuid4().hex)


def run(item):
    return item


def second(item):
    return item


def refused(call, error, said):
    with pytest.raises(error, match=re.escape(said)):
        call()


def node(name, method):
    return dl.CodeNode(name=name, project_id=project.id, project_name=project.name, method=method)


# created, edited, found: the same JSON each time
first = pipeline.nodes.add(node("first node", run)) or pipeline.nodes[0]
first.connect(node("second", second), filters=dl.Filters(field="metadata.user.ok", values=True))
pipeline = pipeline.update()
assert [each.name for each in pipeline.nodes] == ["first node", "second"]
assert dl.pipelines.get(pipeline_name=pipeline.name).to_json() == pipeline.to_json()
assert project.pipelines.get(pipeline_id=pipeline.id).to_json() == pipeline.to_json()
assert [each.id for each in project.pipelines.list().all()] == [pipeline.id]
assert project.pipelines.validate(pipeline.to_json()) == {"valid": True, "errors": [], "warnings": []}

# installed: services that can be found by name alone
assert pipeline.install().status == "Installed"
pipeline = project.pipelines.get(pipeline_id=pipeline.id)
service = dl.services.get(service_name=pipeline.nodes[0].namespace.service_name)
assert service.package.modules[0].functions[0].inputs[0].name == "item"
assert {each.name for each in project.services.list().all()} == {each.namespace.service_name for each in pipeline.nodes}

# edited while installed: the guide's update of the runner image, variables, settings, a node beside the graph
for each in pipeline.nodes:
    each.metadata["serviceConfig"] = {"runtime": {"runnerImage": "mine:1"}}
pipeline = pipeline.update()
assert dl.services.get(service_id=service.id).runtime.runner_image == "mine:1"
pipeline.variables.append(dl.entities.pipeline.Variable.from_json({"name": "v", "type": "String", "value": "1"}))
pipeline = pipeline.update()
known = pipeline.variables[0].id
pipeline.variables[0].value = "2"
pipeline.settings.default_resume_option = dl.PipelineResumeOption.RESUME_EXISTING_CYCLES
pipeline = pipeline.update()
assert (pipeline.variables[0].id, pipeline.variables[0].value) == (known, "2")
assert pipeline.settings.default_resume_option == "resumeExistingCycles"
pipeline.nodes.add(node("third", run))
pipeline = pipeline.update()
assert pipeline.install().nodes[2].namespace.service_name

# but not in its structure
pipeline.nodes[1].connect(pipeline.nodes[2])
refused(pipeline.update, dl.exceptions.BadRequest, "Pipeline with installed status couldn't be updated")
refused(pipeline.reset, dl.exceptions.BadRequest, "Pipeline with installed status couldn't be updated")
pipeline = project.pipelines.get(pipeline_id=pipeline.id)

# executed and counted
dataset = project.datasets.create("data")
item = dataset.items.upload(local_path=b"bytes", remote_path="/in", remote_name="a.txt")
execution = pipeline.execute(execution_input={"item": item.id})
execution = execution.wait()
assert execution.status == dl.ExecutionStatus.SUCCESS, execution.to_json()
visit = execution.executions[pipeline.nodes[0].node_id][0]
assert project.executions.get(visit["_id"]).service_id == service.id
assert {each.status: each.count for each in pipeline.stats().pipeline_counters} == {"success": 1}
assert pipeline.pipeline_executions.list().items_count == 1

# triggers: made by the next install, at rest after the pause
pipeline.pause()
assert project.pipelines.get(pipeline_id=pipeline.id).status == "Uninstalled"
assert pipeline.reset()
pipeline.triggers.create(name="t", filters=dl.Filters(field="dir", values="/x"), actions=["Created"])
assert pipeline.triggers.list().items_count == 0
pipeline = project.pipelines.get(pipeline_id=pipeline.id)
pipeline.install()
trigger = pipeline.triggers.list().items[0]
trigger.actions = ["Updated"]
assert project.triggers.update(trigger).actions == ["Updated"]
pipeline.pause()
assert project.triggers.get(trigger_id=trigger.id).active is False

# a function node in the first pipeline's service, and a copy of a pipeline
other = project.pipelines.create(name="other-" + uuid.uuid4().hex)
other.nodes.add(dl.FunctionNode(name="call", service=service, function_name="run"))
other = other.update()
assert other.nodes[0].inputs[0].name == "item"
assert other.install().nodes[0].namespace.service_name == service.name
copy = project.pipelines.create(name="copy-" + uuid.uuid4().hex, pipeline_json=pipeline.to_json()).install()
assert copy.nodes[0].namespace.service_name != service.name

# services
service.execution_timeout = 77
service = service.update()
assert service.execution_timeout == 77
assert service.revisions[0]["version"] == service.version
service.pause()
assert dl.services.get(service_id=service.id).active is False
service.resume()
assert service.status()["active"] is True

# ends
refused(lambda: dl.pipelines.get(pipeline_id="nowhere"), dl.exceptions.NotFound, "nowhere")
for each in (copy, other, pipeline):
    assert each.delete()
refused(lambda: project.pipelines.get(pipeline_name=pipeline.name), dl.exceptions.NotFound, pipeline.name)
assert project.services.list().items_count == 0
refused(lambda: dl.models.get(model_id="x"), dl.exceptions.NotFound, "there is no model 'x'")
print("all of it")
