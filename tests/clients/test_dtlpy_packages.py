"""Packages, codebases and the services that run them, through the field's SDK as its guides have it."""

from __future__ import annotations

import uuid

import pytest

from tests.clients.steps import FINAL, every

pytestmark = pytest.mark.sdks("dtlpy")

MAIN = """
import dtlpy as dl
from helper import TIMES
import inner.deep


class ServiceRunner(dl.BaseServiceRunner):
    def __init__(self, offset=0):
        self.offset = offset

    def run(self, n):
        import helper  # within a call, too

        print("running", n)
        return n * TIMES * helper.TIMES + inner.deep.ONE + self.offset

    def name_of(self, item):
        return item.name
"""


def written(folder, times):
    """A package's source: several files, and a folder with one."""
    folder.mkdir(exist_ok=True)
    (folder / "inner").mkdir(exist_ok=True)
    (folder / "main.py").write_text(MAIN)
    (folder / "helper.py").write_text(f"TIMES = {times}\n")
    (folder / "inner" / "__init__.py").write_text("")
    (folder / "inner" / "deep.py").write_text("from helper import TIMES\n\nONE = TIMES - TIMES + 1\n")
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "table.txt").write_text("a table")
    return str(folder)


def module(dl):
    number = dl.FunctionIO(type=dl.PackageInputType.INT, name="n")
    functions = [
        dl.PackageFunction(
            name="run", inputs=[number], outputs=[dl.FunctionIO(type=dl.PackageInputType.INT, name="result")]
        ),
        dl.PackageFunction(
            name="name_of",
            inputs=[dl.FunctionIO(type=dl.PackageInputType.ITEM, name="item")],
            outputs=[dl.FunctionIO(type=dl.PackageInputType.STRING, name="name")],
        ),
    ]
    return dl.PackageModule(
        name="default_module",
        class_name="ServiceRunner",
        entry_point="main.py",
        init_inputs=[dl.FunctionIO(type=dl.PackageInputType.INT, name="offset")],
        functions=functions,
    )


def pushed(dl, project, folder, times):
    return project.packages.push(
        package_name=f"package-{uuid.uuid4().hex[:8]}", src_path=written(folder, times), modules=[module(dl)]
    )


def output(dl, execution):
    """What the call gave; the platform holds dtlpy's look until it is over."""
    status = ended(dl, execution).latest_status
    assert status["status"] == "success", status
    return dl.executions.get(execution_id=execution.id).output


def ended(dl, execution):
    for _ in range(20):
        found = dl.executions.get(execution_id=execution.id)
        if found.latest_status["status"] in FINAL:
            return found
    raise AssertionError(f"it did not end: {found.latest_status}")


def called(dl, project, service, n):
    return output(dl, service.execute(execution_input={"n": n}, function_name="run", project_id=project.id))


def test_a_pushed_package_of_several_files_is_deployed_and_called(dl, project, item, folder):
    package = pushed(dl, project, folder, 2)
    assert project.packages.get(package_name=package.name).id == package.id
    service = project.services.deploy(
        service_name=package.name, package=package, module_name="default_module", init_input={"offset": 100}
    )
    assert called(dl, project, service, 5) == 5 * 2 * 2 + 1 + 100
    call = service.execute(item_id=item.id, dataset_id=item.dataset.id, resource="Item", function_name="name_of")
    assert output(dl, call) == "one.txt"
    assert [str(each) for each in service.log(view=False)]
    assert service.package.id == package.id
    assert [each.id for each in every(package.services.list())] == [service.id]


def test_two_packages_with_modules_of_the_same_names_do_not_meet(dl, project, folder):
    services = [
        project.services.deploy(service_name=package.name, package=package)
        for package in (pushed(dl, project, folder / str(times), times) for times in (3, 7))
    ]
    assert [called(dl, project, each, 1) for each in services] == [10, 50]
    assert [called(dl, project, each, 2) for each in services] == [19, 99]


def test_a_service_runs_the_revision_of_its_package_that_it_names(dl, project, folder):
    package = pushed(dl, project, folder, 2)
    service = project.services.deploy(service_name=package.name, package=package)
    written(folder, 10)
    newer = project.packages.push(package_name=package.name, src_path=str(folder), modules=[module(dl)])
    assert newer.version != package.version
    assert [each["version"] for each in project.packages.revisions(package=newer)] == [newer.version, package.version]
    assert called(dl, project, service, 1) == 5
    service.package_revision = newer.version
    updated = service.update()
    assert updated.package_revision == newer.version
    assert called(dl, project, updated, 1) == 101
    revisions = [each["packageRevision"] for each in project.services.revisions(service=service)]
    assert revisions[0] == newer.version
    assert package.version in revisions


def test_a_function_is_deployed_by_itself(dl, project):
    def add_one(n: int):
        return n + 1

    name = f"function-{uuid.uuid4().hex[:8]}"
    service = project.services.deploy(service_name=name, func=add_one)
    call = service.execute(execution_input={"n": 41}, function_name="run", project_id=project.id)
    assert output(dl, call) == 42


def test_codebases_are_packed_listed_and_unpacked(dl, project, folder):
    written(folder / "src", 1)
    codebase = project.codebases.pack(directory=str(folder / "src"), name="raw")
    assert project.codebases.get(codebase_name="raw").item_id == codebase.item_id
    assert len(every(project.codebases.list_versions("raw"))) == 1
    project.codebases.unpack(codebase_name="raw", local_path=str(folder / "back"))
    assert (folder / "back" / "data" / "table.txt").read_text() == "a table"


def test_a_package_is_pulled_and_deleted(dl, project, folder):
    package = pushed(dl, project, folder / "src", 1)
    package.pull(local_path=str(folder / "back"))
    assert (folder / "back" / "helper.py").read_text() == "TIMES = 1\n"
    service = package.deploy(service_name=package.name)
    with pytest.raises(dl.exceptions.Conflict, match=package.name):
        project.packages.delete(package=package)
    service.delete()
    assert project.packages.delete(package=package)
    with pytest.raises(dl.exceptions.NotFound):
        project.packages.get(package_id=package.id)


def test_a_call_of_a_package_whose_code_is_gone_says_so(dl, project, folder):
    package = pushed(dl, project, folder, 1)
    service = project.services.deploy(service_name=package.name, package=package)
    dl.items.get(item_id=package.codebase.item_id).delete()
    call = service.execute(execution_input={"n": 1}, function_name="run", project_id=project.id)
    status = ended(dl, call).latest_status
    assert status["status"] == "failed"
    assert "its code in item" in status["message"]
