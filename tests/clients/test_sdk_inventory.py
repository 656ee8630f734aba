"""What of the field's inventory is about packages, services, apps and the rest, through our SDK in both colours."""

from __future__ import annotations

import ast
import importlib.util
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

import dtlpipe as dl
from mock_server.testing import LocalPlatform

MAIN = """
import dtlpy as dl


class ServiceRunner(dl.BaseServiceRunner):
    def __init__(self, offset=0):
        self.offset = offset

    def run(self, n):
        return n * {times} + self.offset
"""
NUMBER = {"type": "Integer", "name": "n"}
MODULE = {
    "name": "calc",
    "entryPoint": "main.py",
    "className": "ServiceRunner",
    "functions": [{"name": "run", "input": [NUMBER], "output": [{"type": "Integer", "name": "result"}]}],
}


def twice(n: int) -> int:
    return 2 * n


@pytest.fixture(scope="module")
def served() -> Iterator[LocalPlatform]:
    with LocalPlatform(workers=1) as platform:
        yield platform


@pytest.fixture(scope="module")
def client(served: LocalPlatform) -> Iterator[dl.Client]:
    with served.client() as client:
        yield client


@pytest.fixture(scope="module")
def project(client: dl.Client) -> dl.Project:
    return client.projects.create("inventory")


def manifest(name: str, version: str) -> dict:
    service = {"name": name, "moduleName": "calc", "initParams": {"offset": 1}}
    return {"name": name, "version": version, "components": {"modules": [MODULE], "services": [service]}}


def called(service: dl.Service, n: int) -> object:
    return service.execute(execution_input={"n": n}, sync=True, timeout=60).output


def test_a_function_is_deployed_called_and_deployed_again(project, client):
    service = project.services.deploy(service_name="twice", func=twice, runtime={"concurrency": 2})
    assert (called(service, 21), service.runtime["concurrency"]) == (42, 2)

    def thrice(n: int) -> int:
        return 3 * n

    again = project.services.deploy(service_name="twice", func=thrice)
    assert again.id == service.id
    assert called(again, 2) == 6
    assert len(client.services.revisions("twice")) == len(again.revisions()) > 1
    assert client.services.restart(service_name="twice").id == service.id
    assert list(client.services.log(again, text="nothing like it", log_level="ERROR")) == []
    call = again.executions.list()[0]
    assert again.executions.rerun(call, sync=True).output == 6
    filters = dl.Filters("id", call.id, resource=dl.FiltersResource.EXECUTION)
    assert client.services.rerun_batch(filters, again.id).status == "success"
    with pytest.raises(dl.exceptions.BadRequest, match="package or func"):
        project.services.deploy(service_name="nothing")


def test_a_folder_is_pushed_as_a_package_and_deployed(project, tmp_path):
    (tmp_path / "main.py").write_text(MAIN.format(times=2))
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "main.pyc").write_bytes(b"")
    module = dl.PackageModule.from_wire(MODULE)
    package = project.packages.push("calc", tmp_path, [module])
    service = project.services.deploy(package=package, init_input={"offset": 5}, max_attempts=2)
    assert (service.name, service.max_attempts, called(service, 10)) == ("calc", 2, 25)
    (tmp_path / "main.py").write_text(MAIN.format(times=100))
    newer = project.packages.push("calc", tmp_path, [module])
    assert (newer.id, newer.version == package.version) == (package.id, False)
    assert called(project.services.deploy(package=newer), 1) == 105
    with pytest.raises(dl.exceptions.BadRequest, match="modules"):
        project.packages.push("calc", tmp_path)
    with pytest.raises(dl.exceptions.ConfigurationError, match="no folder"):
        project.packages.push("calc", tmp_path / "nowhere", [module])


def test_what_needs_more_than_its_source_is_not_pushed(project):
    gate = object()

    def needs(n: int) -> int:
        return n if gate else 0

    with pytest.raises(dl.exceptions.CodeNotShippable, match="gate"):
        project.services.deploy(func=needs)


def test_an_app_lives(project, client):
    dpk = project.dpks.publish(manifest("sums", "1.0.0"), {"main.py": MAIN.format(times=2)})
    assert client.dpks.get("sums").id == client.dpks.get(dpk_id=dpk.id).id == dpk.id
    app = project.apps.install(dpk, app_name="adder")
    assert [each.id for each in project.apps.list()] == [app.id]
    assert client.apps.get("adder").id == client.apps.get(app_id=app.id).id
    service = project.services.get("sums")
    assert called(service, 20) == 41
    newer = project.dpks.publish(manifest("sums", "1.1.0"), {"main.py": MAIN.format(times=10)})
    assert {each.version for each in project.dpks.list()} == {"1.1.0"}
    assert client.dpks.get("sums", "1.0.0").id == client.dpks.get_revisions(newer.base_id, "1.0.0").id == dpk.id
    app.dpk_version = "1.1.0"
    assert app.update().dpk_version == "1.1.0"
    assert called(service, 1) == 11
    newer.description = "sums up"
    assert newer.update().description == "sums up"
    app.pause()
    assert service.refresh().active is False
    app.resume()
    assert service.refresh().active is True
    assert app.uninstall()
    with pytest.raises(dl.exceptions.NotFound, match="0 apps"):
        project.apps.get("adder")
    with pytest.raises(dl.exceptions.NotFound, match="nobody"):
        project.dpks.get("nobody")
    assert newer.delete()


def test_a_manifest_is_read_from_its_file(project, tmp_path):
    with pytest.raises(dl.exceptions.ConfigurationError, match="cannot be read"):
        project.dpks.publish(tmp_path / "dataloop.json")
    (tmp_path / "dataloop.json").write_text("[]")
    with pytest.raises(dl.exceptions.ConfigurationError, match="no manifest"):
        project.dpks.publish(tmp_path / "dataloop.json")
    (tmp_path / "dataloop.json").write_text('{"name": "filed", "version": "1.0.0", "components": {}}')
    assert project.dpks.publish(tmp_path / "dataloop.json").codebase["type"] == "item"


def test_a_trigger_is_cloned(project, client):
    service = project.services.deploy(service_name="heard", func=twice)
    trigger = service.triggers.create(name="on-items")
    copy = project.triggers.clone(trigger.id, name="another")
    assert (copy.id == trigger.id, copy.name, copy.spec["operation"]) == (False, "another", trigger.spec["operation"])
    with pytest.raises(dl.exceptions.NotFound):
        project.triggers.clone("0" * 24)
    with pytest.raises(dl.exceptions.BadRequest, match="project_id"):
        client.triggers.clone(trigger.id)


def test_a_pipeline_has_settings_a_composition_and_a_place_in_the_console(served, project, client, monkeypatch):
    pipeline = project.pipelines.create("settled")
    pipeline.nodes.add(dl.CodeNode(name="twice", method=twice, project_id=project.id, project_name=project.name))
    pipeline.install()
    settings = dl.PipelineSettings(keep_triggers_active=True)
    assert pipeline.update_settings(settings).settings["keepTriggersActive"] is True
    run = pipeline.execute(execution_input={"n": 1})
    assert client.pipeline_executions.wait(pipeline_execution=run, timeout=60) is run
    assert str(run.known_status) == "success"
    with pytest.raises(dl.exceptions.BadRequest, match="pipeline_execution"):
        client.pipeline_executions.wait()
    assert client.compositions.get(pipeline.composition_id)["id"] == pipeline.composition_id
    with pytest.raises(dl.exceptions.ConfigurationError, match="web console"):
        _ = pipeline.platform_url
    shown = []
    monkeypatch.setattr(webbrowser, "open", shown.append)
    console = attrs.evolve(client.settings, console_url="https://console.example/")
    monkeypatch.setattr(client._session, "settings", console)
    client.pipelines.open_in_web(pipeline)
    assert shown == [f"https://console.example/projects/{project.id}/pipelines/{pipeline.id}"]


async def test_both_colours_have_them(served, project):
    async with served.async_client() as client:
        mine = await client.projects.get(project_id=project.id)
        service = await mine.services.deploy(service_name="async", func=twice)
        assert (await service.execute(execution_input={"n": 4}, sync=True, timeout=60)).output == 8
        dpk = await mine.dpks.publish(manifest("async-sums", "1.0.0"), {"main.py": MAIN.format(times=2)})
        app = await mine.apps.install(dpk)
        assert [each.id async for each in mine.apps.list()] == [app.id]
        assert await app.uninstall()


def test_whatever_the_field_raises_has_its_name_here():
    spec = importlib.util.find_spec("dtlpy")
    if spec is None or spec.origin is None:
        pytest.skip("dtlpy is not installed")
    tree = ast.parse((Path(spec.origin).parent / "exceptions.py").read_text())
    names = {each.name for each in tree.body if isinstance(each, ast.ClassDef)}
    assert len(names) > 10
    assert names <= set(dir(dl.exceptions))
