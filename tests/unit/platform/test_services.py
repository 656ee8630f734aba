"""Services and packages by themselves."""

from __future__ import annotations

import pytest

from dtlpipe.errors import BadRequest, Conflict, NotFound
from mock_server.store.base import Kind
from tests.unit.platform.building import chain
from tests.unit.platform.conftest import ME


@pytest.fixture
def package(platform, project):
    modules = [{"name": "default_module", "functions": [{"name": "run", "input": [{"name": "item", "type": "Item"}]}]}]
    return platform.packages.create({"name": "package", "projectId": project["id"], "modules": modules}, ME)


@pytest.fixture
def service(platform, project, package):
    body = {"name": "service", "projectId": project["id"], "packageId": package["id"], "runtime": {"concurrency": 2}}
    return platform.services.create(body, ME)


def test_a_service_has_every_key_that_clients_read(project, service, package):
    assert service["projectId"] == project["id"]
    assert service["packageId"] == package["id"]
    assert service["moduleName"] == "default_module"
    assert service["packageRevision"] == package["version"]
    assert service["runtime"] == {"podType": "regular-s", "numReplicas": 1, "concurrency": 2, "autoscaler": None}
    assert service["global"] is False
    assert service["active"] is True
    for key in ("versions", "initParams", "executionTimeout", "drainTime", "onReset", "maxAttempts", "mode", "url"):
        assert key in service


def test_a_service_is_the_same_however_it_is_found(platform, service):
    query = {"filter": {"$and": [{"global": {"$ne": True}}, {"name": "service"}, {"projectId": None}]}}
    assert platform.services.get(service["id"]) == service
    assert platform.services.query(query)["items"] == [service]


def test_names_are_unique_on_the_whole_platform(platform, service, package):
    other = platform.projects.create("other", ME)
    with pytest.raises(Conflict, match="a service 'service' already"):
        platform.services.create({"name": "service", "projectId": other["id"], "packageId": package["id"]}, ME)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"name": ""}, BadRequest, "cannot be the name of a service"),
        ({"name": None}, BadRequest, "name"),
        ({"name": "../etc"}, BadRequest, "cannot be the name"),
        ({"name": "x" * 65}, BadRequest, "cannot be the name"),
        ({"projectId": None}, BadRequest, "projectId"),
        ({"projectId": ["x"]}, BadRequest, "projectId"),
        ({"projectId": "nowhere"}, NotFound, "nowhere"),
        ({"packageId": "nothing"}, NotFound, "nothing"),
        ({"packageId": None}, NotFound, "None"),
        ({"executionTimeout": "long"}, BadRequest, "executionTimeout"),
        ({"maxAttempts": 0}, BadRequest, "maxAttempts"),
        ({"runtime": 5}, BadRequest, "runtime"),
    ],
)
def test_a_body_that_is_no_service_is_refused(platform, project, package, change, error, said):
    body = {"name": "s", "projectId": project["id"], "packageId": package["id"], **change}
    with pytest.raises(error, match=said):
        platform.services.create(body, ME)
    assert platform.store.count(Kind.SERVICE) == 0


def test_an_update_is_a_new_version_and_the_old_one_is_remembered(platform, service):
    changed = platform.services.update(service["id"], {**service, "executionTimeout": 60, "id": "x", "version": "9"})
    assert (changed["id"], changed["version"], changed["executionTimeout"]) == (service["id"], "1.0.1", 60)
    assert platform.services.revisions(service["id"]) == [changed, service]


def test_an_update_that_changes_nothing_is_no_version(platform, service):
    assert platform.services.update(service["id"], service) == service
    assert platform.services.revisions(service["id"]) == [service]


def test_a_refused_update_leaves_the_service_as_it_was(platform, service):
    with pytest.raises(BadRequest):
        platform.services.update(service["id"], {"executionTimeout": -1, "onReset": "rerun"})
    assert platform.services.get(service["id"]) == service


def test_a_service_may_be_renamed_to_a_free_name(platform, service, installed):
    assert platform.services.update(service["id"], {"name": "other"})["name"] == "other"
    taken = installed(chain("a"))["nodes"][0]["namespace"]["serviceName"]
    with pytest.raises(Conflict, match="already"):
        platform.services.update(service["id"], {"name": taken})


def test_the_service_of_a_node_keeps_its_name(platform, installed):
    name = installed(chain("a"))["nodes"][0]["namespace"]["serviceName"]
    found = platform.services.named(name)
    with pytest.raises(BadRequest, match="belongs to a pipeline"):
        platform.services.update(found["id"], {"name": "mine"})


def test_a_paused_service_takes_no_calls_until_it_is_resumed(platform, service):
    platform.services.pause(service["id"])
    assert platform.services.status(service["id"])["status"] == "paused"
    with pytest.raises(BadRequest, match="paused"):
        platform.executions.start(service["id"], inputs={}, creator=ME)
    assert platform.services.resume(service["id"])["active"] is True
    platform.executions.start(service["id"], inputs={}, creator=ME)
    assert platform.services.status(service["id"])["openExecutions"] == 1


def test_the_service_of_an_installed_pipeline_is_deleted_by_force_only(platform, installed):
    made = installed(chain("a"))
    found = platform.services.named(made["nodes"][0]["namespace"]["serviceName"])
    with pytest.raises(Conflict, match="which is installed"):
        platform.services.delete(found["id"])
    platform.services.delete(found["id"], force=True)
    assert platform.store.count(Kind.SERVICE) == platform.store.count(Kind.PACKAGE) == 0
    assert platform.pipelines.install(made["id"], None, ME)["nodes"] == made["nodes"]


def test_deleting_a_service_takes_its_triggers_and_leaves_a_package_of_its_own(platform, project, service, package):
    operation = {"type": "function", "serviceId": service["id"], "functionName": "run"}
    body = {"type": "Event", "name": "t", "projectId": project["id"], "spec": {"operation": operation, "filter": {}}}
    platform.triggers.create(body, ME)
    platform.services.delete(service["id"])
    assert platform.store.count(Kind.TRIGGER) == 0
    assert platform.packages.get(package["id"]) == package


def test_an_unknown_service_is_not_found_by_any_verb(platform):
    verbs = platform.services
    for call in (
        lambda: verbs.get("nope"),
        lambda: verbs.update("nope", {"active": True}),
        lambda: verbs.pause("nope"),
        lambda: verbs.resume("nope"),
        lambda: verbs.restart("nope"),
        lambda: verbs.status("nope"),
        lambda: verbs.revisions("nope"),
        lambda: verbs.delete("nope"),
    ):
        with pytest.raises(NotFound, match="nope"):
            call()


class TestPackages:
    def test_a_package_is_the_same_however_it_is_found(self, platform, package):
        assert platform.packages.get(package["id"]) == package
        assert platform.packages.query({"filter": {"name": "package"}})["items"] == [package]

    def test_a_name_is_taken_within_its_project_only(self, platform, project, package):
        with pytest.raises(Conflict, match="has a package 'package' already"):
            platform.packages.create({"name": "package", "projectId": project["id"]}, ME)
        other = platform.projects.create("other", ME)
        assert platform.packages.create({"name": "package", "projectId": other["id"]}, ME)["version"] == "1.0.0"

    def test_an_update_is_a_new_version_and_the_old_one_is_remembered(self, platform, package):
        changed = platform.packages.update(package["id"], {"metadata": {"k": 1}})
        assert changed["version"] == "1.0.1"
        assert platform.packages.revisions(package["id"]) == [changed, package]

    def test_wrong_types_are_told_with_their_path(self, platform, project):
        body = {"name": "p", "projectId": project["id"], "modules": [{"functions": [{"input": [{"type": "Nope"}]}]}]}
        with pytest.raises(BadRequest) as refused:
            platform.packages.create(body, ME)
        assert refused.value.errors[0]["path"] == ["modules", 0, "functions", 0, "input", 0, "type"]

    def test_a_package_that_runs_is_not_deleted(self, platform, package, service):
        with pytest.raises(Conflict, match="service 'service' runs package"):
            platform.packages.delete(package["id"])
        platform.services.delete(service["id"])
        platform.packages.delete(package["id"])
        with pytest.raises(NotFound):
            platform.packages.get(package["id"])


class TestTriggers:
    @pytest.fixture
    def body(self, project, service):
        operation = {"type": "function", "serviceId": service["id"], "functionName": "run"}
        spec = {"filter": {"dir": "/a"}, "resource": "Item", "actions": ["Created"], "operation": operation}
        return {"type": "Event", "name": "my trigger", "active": True, "projectId": project["id"], "spec": spec}

    def test_a_trigger_is_kept_as_it_was_sent(self, platform, body):
        made = platform.triggers.create(body, ME)
        assert made["spec"] == {"input": {}, **body["spec"]}
        assert platform.triggers.get(made["id"]) == made
        query = {"filter": {"spec.operation.serviceId": body["spec"]["operation"]["serviceId"]}}
        assert platform.triggers.query(query)["items"] == [made]

    def test_what_it_starts_is_not_up_for_change(self, platform, body):
        made = platform.triggers.create(body, ME)
        spec = {"filter": {}, "operation": {"type": "webhook"}}
        changed = platform.triggers.update(made["id"], {"active": False, "spec": spec})
        assert changed["active"] is False
        assert changed["spec"] == {**made["spec"], "filter": {}}

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"name": ""}, BadRequest),
            ({"type": "Whim"}, BadRequest),
            ({"spec": None}, BadRequest),
            ({"spec": {}}, BadRequest),
            ({"spec": {"operation": {"type": "prayer"}}}, BadRequest),
            ({"spec": {"operation": {"type": "pipeline", "id": "p"}}}, BadRequest),
            ({"spec": {"operation": {"type": "function", "serviceId": "nope"}}}, NotFound),
            ({"spec": {"operation": {"type": "function", "serviceId": 5}}}, BadRequest),
            ({"active": "yes"}, BadRequest),
            ({"projectId": "nope"}, NotFound),
        ],
    )
    def test_a_body_that_is_no_trigger_is_refused(self, platform, body, change, error):
        with pytest.raises(error):
            platform.triggers.create({**body, **change}, ME)
        assert platform.store.count(Kind.TRIGGER) == 0

    def test_an_edit_that_makes_no_sense_is_refused(self, platform, body):
        made = platform.triggers.create(body, ME)
        for change in ({"spec": {"filter": "{"}}, {"name": " "}, {"active": 1}):
            with pytest.raises(BadRequest):
                platform.triggers.update(made["id"], change)
        assert platform.triggers.get(made["id"]) == made

    def test_an_unknown_trigger_is_not_found(self, platform):
        for call in (platform.triggers.get, platform.triggers.delete, lambda id: platform.triggers.update(id, {})):
            with pytest.raises(NotFound, match="nope"):
                call("nope")
