"""DPKs and apps through the field's SDK: published, installed in a project, called, updated, taken away."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.clients.steps import FINAL, code, every, installed, output, parts, ran

pytestmark = pytest.mark.sdks("dtlpy")

MAIN = """
import dtlpy as dl


class ServiceRunner(dl.BaseServiceRunner):
    def __init__(self, offset=0):
        self.offset = offset

    def run(self, n):
        return n * {times} + self.offset
"""


def published(dl, project, folder, name, version="1.0.0", times=2, **components):
    """A DPK with one module, one function and one service."""
    folder.mkdir(exist_ok=True)
    (folder / "main.py").write_text(MAIN.format(times=times))
    number = {"type": "Integer", "name": "n"}
    function = {"name": "run", "input": [number], "output": [{"type": "Integer", "name": "result"}]}
    module = {"name": "calc", "entryPoint": "main.py", "className": "ServiceRunner", "functions": [function]}
    service = {
        "name": name,
        "moduleName": "calc",
        "initParams": {"offset": 1},
        "computeConfig": "small",
        "runtime": {"concurrency": 3},
    }
    manifest = {
        "name": name,
        "displayName": name,
        "version": version,
        "scope": "project",
        "attributes": {"Provider": "us"},
        "components": {
            "modules": [module],
            "computeConfigs": [{"name": "small", "executionTimeout": 60, "runtime": {"podType": "regular-xs"}}],
            "services": [service],
            **components,
        },
    }
    path = folder / "dataloop.json"
    path.write_text(json.dumps(manifest))
    return project.dpks.publish(manifest_filepath=str(path), local_path=str(folder))


def called(dl, project, service, n):
    execution = service.execute(execution_input={"n": n}, function_name="run", project_id=project.id)
    for _ in range(20):
        found = dl.executions.get(execution_id=execution.id)
        if found.latest_status["status"] in FINAL:
            assert found.latest_status["status"] == "success", found.latest_status
            return found.output
    raise AssertionError(f"it did not end: {found.latest_status}")


def test_a_dpk_is_published_and_its_app_serves(dl, project, folder):
    name = f"dpk-{uuid.uuid4().hex[:8]}"
    dpk = published(dl, project, folder, name)
    assert (dpk.name, dpk.version) == (name, "1.0.0")
    assert dl.dpks.get(dpk_name=name).id == dl.dpks.get(dpk_id=dpk.id).id == dpk.id
    assert project.dpks.get_previews(dpk) == {}
    app = project.apps.install(dpk=dpk)
    assert app.status == "Installed"
    assert project.apps.get(app_name=app.name).id == dl.apps.get(app_id=app.id).id == app.id
    assert [each.id for each in every(project.apps.list())] == [app.id]
    service = project.services.get(service_name=name)
    assert service.runtime.concurrency == 3
    assert service.runtime.pod_type == "regular-xs"
    assert service.execution_timeout == 60
    assert called(dl, project, service, 20) == 41
    assert service.package.id == dpk.id
    assert every(project.packages.list()) == []


def test_an_app_is_brought_to_a_new_version_and_keeps_its_services(dl, project, folder):
    name = f"dpk-{uuid.uuid4().hex[:8]}"
    app = project.apps.install(dpk=published(dl, project, folder, name))
    service = project.services.get(service_name=name)
    newer = published(dl, project, folder, name, version="1.1.0", times=100)
    with pytest.raises(dl.exceptions.Conflict, match=r"1\.1\.0"):
        published(dl, project, folder, name, version="1.1.0")
    assert dl.dpks.get(dpk_name=name).version == "1.1.0"
    assert dl.dpks.get(dpk_name=name, dpk_version="1.0.0").version == "1.0.0"
    assert dl.dpks.get_revisions(dpk_id=newer.base_id, version="1.0.0").version == "1.0.0"
    assert [each.name for each in every(project.dpks.list())] == [name]
    assert called(dl, project, service, 1) == 3
    app.dpk_version = "1.1.0"
    assert project.apps.update(app)
    assert project.services.get(service_name=name).id == service.id
    assert called(dl, project, service, 1) == 101
    newer.description = "another one"
    assert newer.update().description == "another one"


def test_an_app_is_paused_resumed_and_taken_away_with_what_it_brought(dl, project, folder):
    name = f"dpk-{uuid.uuid4().hex[:8]}"
    spec = {"filter": {}, "resource": "Item", "executionMode": "Once", "actions": ["Created"]}
    operation = {"type": "function", "functionName": "run", "serviceName": name}
    trigger = {"name": "on-items", "type": "Event", "spec": {**spec, "operation": operation}}
    dpk = published(dl, project, folder, name, triggers=[trigger])
    app = project.apps.install(dpk=dpk)
    service = project.services.get(service_name=name)
    assert [each.name for each in every(service.triggers.list())] == ["on-items"]
    app.pause()
    assert dl.services.get(service_id=service.id).active is False
    assert every(service.triggers.list())[0].active is False
    app.resume()
    assert dl.services.get(service_id=service.id).active is True
    with pytest.raises(dl.exceptions.Conflict, match=name):
        dpk.delete()
    assert app.uninstall()
    for kind, what in (("services", {"service_name": name}), ("apps", {"app_id": app.id})):
        with pytest.raises(dl.exceptions.NotFound):
            getattr(project, kind).get(**what)
    assert dpk.delete()
    with pytest.raises(dl.exceptions.NotFound):
        dl.dpks.get(dpk_name=name)


def test_a_dpk_is_pulled(dl, project, folder):
    dpk = published(dl, project, folder / "src", f"dpk-{uuid.uuid4().hex[:8]}")
    dpk.pull(local_path=str(folder / "back"))
    assert "ServiceRunner" in (folder / "back" / "main.py").read_text()


def test_a_service_is_made_from_a_function(dl, project):
    def triple(n: int) -> int:
        return n * 3

    name = f"triple-{uuid.uuid4().hex[:8]}"
    service = dl.Service.from_function(func=triple, name=name, project=project, client_api=project._client_api)
    execution = service.execute(execution_input={"n": 5}, function_name="triple", project_id=project.id)
    for _ in range(20):
        found = dl.executions.get(execution_id=execution.id)
        if found.latest_status["status"] in FINAL:
            break
    assert found.output == 15


def test_a_node_of_a_pipeline_runs_a_function_of_an_app(dl, project, folder):
    name = f"dpk-{uuid.uuid4().hex[:8]}"
    project.apps.install(dpk=published(dl, project, folder, name))

    def first(n):
        return n + 1

    root = code(dl, project, first, {"n": "INT"}, {"n": "INT"})
    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(root)
    pipeline.update()
    definition = pipeline.to_json()
    ports = {
        side: [{"portId": f"{side}-port", "type": "Integer", "name": port, "displayName": port}]
        for side, port in (("inputs", "n"), ("outputs", "result"))
    }
    namespace = {"functionName": "run", "serviceName": name, "packageName": name, "moduleName": "calc"}
    definition["nodes"].append(
        {
            "id": "of-app",
            "name": "of-app",
            "type": "custom",
            "projectId": project.id,
            "namespace": {**namespace, "projectName": project.name},
            "metadata": {"position": {"x": 1, "y": 1, "z": 0}},
            "dpkName": name,
            **ports,
        }
    )
    made = project.pipelines.create(name="with-app", pipeline_json=definition)
    nodes = {each.name: each for each in made.nodes}
    nodes["first"].connect(nodes["of-app"])
    run = ran(installed(made), n=1)
    assert run.status == "success", parts(run, "of-app")
    assert output(dl, run, "of-app") == 5
