"""Installing: what it asks for, what it makes, and what an installed pipeline holds on to."""

from __future__ import annotations

import copy

import pytest

from dtlpipe.errors import BadRequest
from mock_server.store.base import Kind
from tests.unit.platform.building import chain, code_node, definition, edge, port
from tests.unit.platform.conftest import ME


def services(platform, pipeline):
    return platform.services.query({"filter": {"pipelineId": pipeline["id"]}})["items"]


def package_of(platform, service):
    return platform.store.get(Kind.PACKAGE, service["packageId"], private=True)


class TestWhatItAsksFor:
    @pytest.mark.parametrize(
        ("body", "said", "node"),
        [
            (definition(), "has no nodes", None),
            (definition(code_node("a"), starts=[]), "has no start node", None),
            (definition(code_node("a", config=None)), "node 'node a' has no code", "node a"),
            (definition(code_node("a", config={"package": {"name": "run"}})), "has no code", "node a"),
            (definition(code_node("a", type="pipeline")), "node 'node a' must have a pipelineId", "node a"),
            (
                definition(code_node("a", type="split", outputs=[port("x", portPercentage=30)])),
                "shares of split node 'node a'",
                "node a",
            ),
            (definition(code_node("a", type="updateVariable")), "updates variable 'item'", "node a"),
            (definition(code_node("a", type="storage", config=None)), "must have a datasetId", "node a"),
            (
                definition(code_node("a", type="storage", config=None, metadata={"datasetId": "none"})),
                "dataset 'none', which does not exist",
                "node a",
            ),
            (definition(code_node("a", type="function", config=None)), "names no service", "node a"),
            (
                definition(code_node("a", type="function", config=None, namespace={"serviceName": "gone"})),
                "service 'gone', which does not exist",
                "node a",
            ),
            (
                definition(code_node("a", inputs=[port("x"), port("x", port_id="y")])),
                "inputs of node 'node a'",
                "node a",
            ),
            (definition(code_node("a", inputs=[port("x", variableName="v")])), "from variable 'v'", "node a"),
        ],
    )
    def test_it_refuses_what_cannot_run_and_changes_nothing(self, platform, create, body, said, node):
        made = create(body)
        with pytest.raises(BadRequest, match=said) as refused:
            platform.pipelines.install(made["id"], None, ME)
        assert "Failed to install pipeline" in refused.value.message
        assert refused.value.node == node
        assert platform.pipelines.get(made["id"]) == made
        assert platform.store.count(Kind.SERVICE) == 0

    def test_it_tells_all_that_is_missing_at_once(self, platform, create):
        made = create(definition(code_node("a", config=None), code_node("b", type="storage", config=None), starts=[]))
        with pytest.raises(BadRequest) as refused:
            platform.pipelines.install(made["id"], None, ME)
        assert [each.get("node") for each in refused.value.errors] == ["node a", "node b", None]

    def test_a_storage_node_that_loads_existing_data_takes_no_connection(self, platform, project, create):
        dataset = platform.datasets.create({"name": "d", "projects": [project["id"]]}, ME)
        metadata = {"datasetId": dataset["id"], "triggerToPipeline": {"active": True}}
        storage = code_node("b", type="storage", config=None, metadata=metadata)
        made = create(definition(code_node("a"), storage, edges=[("a.item", "b.item")]))
        with pytest.raises(BadRequest, match="loads existing data") as refused:
            platform.pipelines.install(made["id"], None, ME)
        assert refused.value.node == "node b"

    def test_an_unknown_resume_option_is_refused(self, platform, create):
        made = create(chain("a"))
        with pytest.raises(BadRequest, match="'whatever' is unknown"):
            platform.pipelines.install(made["id"], {"resumeOption": "whatever"}, ME)


class TestWhatItMakes:
    def test_each_node_with_code_gets_a_service_that_calls_it(self, platform, project, installed):
        made = installed(
            definition(
                code_node("a", name="Resize Image!", outputs=[port("item"), port("n", "Integer")]),
                code_node("b", inputs=[port("n", "Integer")]),
                edges=[("a.n", "b.n")],
            )
        )
        assert made["status"] == "Installed"
        first, second = (node["namespace"] for node in made["nodes"])
        assert first["serviceName"].startswith("resize-image-")
        assert first["serviceName"] != second["serviceName"]
        assert (first["functionName"], first["moduleName"]) == ("run", "default_module")
        assert first["projectName"] == "project"
        service = platform.services.named(first["serviceName"])
        assert service["projectId"] == project["id"]
        assert service["moduleName"] == "default_module"
        assert service["active"] is True
        package = platform.packages.get(service["packageId"])
        assert package["name"] == first["packageName"]
        (function,) = package["modules"][0]["functions"]
        assert function["name"] == "run"
        assert function["input"] == [{"name": "item", "type": "Item"}]
        assert function["output"] == [{"name": "item", "type": "Item"}, {"name": "n", "type": "Integer"}]

    def test_the_code_is_kept_apart_from_what_the_wire_shows(self, platform, installed):
        made = installed(chain("a"))
        (service,) = services(platform, made)
        assert "_code" not in platform.packages.get(service["packageId"])
        code = package_of(platform, service)["_code"]
        assert code["source"] == made["nodes"][0]["config"]["package"]["code"]
        assert code["functionName"] == "run"
        assert len(code["hash"]) == 64

    def test_a_nodes_service_config_is_its_services(self, platform, installed):
        config = {"executionTimeout": 7.5, "maxAttempts": 3, "runtime": {"memoryLimit": 1 << 28, "runnerImage": "i"}}
        made = installed(definition(code_node("a", metadata={"serviceConfig": config})))
        (service,) = services(platform, made)
        assert (service["executionTimeout"], service["maxAttempts"]) == (7.5, 3)
        assert service["runtime"]["memoryLimit"] == 1 << 28
        assert service["runtime"]["podType"] == "regular-s"

    def test_one_definition_in_two_pipelines_makes_different_services(self, platform, installed):
        one = installed(chain("a"))
        two = installed({**one, "name": "copy"})
        assert one["nodes"][0]["namespace"]["serviceName"] != two["nodes"][0]["namespace"]["serviceName"]

    def test_a_name_that_is_taken_gives_way(self, platform, project, create):
        made = create(chain("a"))
        first = platform.pipelines.install(made["id"], None, ME)["nodes"][0]["namespace"]["serviceName"]
        package = platform.packages.create({"name": "mine", "projectId": project["id"]}, ME)
        platform.services.delete(services(platform, made)[0]["id"], force=True)
        platform.services.create({"name": first, "packageId": package["id"], "projectId": project["id"]}, ME)
        again = platform.pipelines.install(made["id"], None, ME)["nodes"][0]["namespace"]["serviceName"]
        assert again != first
        assert again.startswith(first)

    def test_a_function_node_runs_in_the_service_that_it_names(self, platform, installed):
        owner = installed(chain("a"))
        name = owner["nodes"][0]["namespace"]["serviceName"]
        node = code_node("f", type="function", config=None, namespace={"functionName": "run", "serviceName": name})
        user = installed(definition(node))
        assert user["nodes"][0]["namespace"]["packageName"] == name
        assert user["nodes"][0]["namespace"]["moduleName"] == "default_module"
        assert services(platform, user) == []

    def test_a_function_that_the_service_lacks_is_refused(self, platform, installed, create):
        name = installed(chain("a"))["nodes"][0]["namespace"]["serviceName"]
        made = create(
            definition(
                code_node("f", type="function", config=None, namespace={"functionName": "fly", "serviceName": name})
            )
        )
        with pytest.raises(BadRequest, match="has no function 'fly'") as refused:
            platform.pipelines.install(made["id"], None, ME)
        assert refused.value.hint == "its functions: 'run'"


class TestAgain:
    def test_an_install_after_an_install_changes_nothing(self, platform, installed):
        made = installed(chain("a", "b"))
        before = services(platform, made)
        again = platform.pipelines.install(made["id"], None, ME)
        assert again["nodes"] == made["nodes"]
        assert services(platform, made) == before
        assert platform.store.count(Kind.PACKAGE) == 2
        assert platform.store.count(Kind.REVISION) == 1

    def test_new_code_is_a_new_version_in_the_same_service(self, platform, installed):
        made = installed(chain("a"))
        (before,) = services(platform, made)
        node = copy.deepcopy(made["nodes"][0])
        node["config"]["package"]["code"] = "def run(item):\n    return None\n"
        platform.pipelines.update(made["id"], {"nodes": [node]}, ME)
        (after,) = services(platform, made)
        assert (before["id"], before["name"]) == (after["id"], after["name"])
        assert (before["packageRevision"], after["packageRevision"]) == ("1.0.0", "1.0.1")
        assert package_of(platform, after)["_code"]["source"] == node["config"]["package"]["code"]
        assert [each["version"] for each in platform.packages.revisions(after["packageId"])] == ["1.0.1", "1.0.0"]

    def test_the_service_of_a_node_that_is_gone_goes_with_the_next_install(self, platform, installed):
        made = installed(chain("a", "b"))
        platform.pipelines.uninstall(made["id"], None, ME)
        platform.pipelines.update(made["id"], {"nodes": made["nodes"][:1], "connections": []}, ME)
        platform.pipelines.install(made["id"], None, ME)
        assert [each["nodeId"] for each in services(platform, made)] == ["a"]
        assert platform.store.count(Kind.PACKAGE) == 1

    def test_what_was_tuned_on_a_service_stays_unless_the_node_says_otherwise(self, platform, installed):
        made = installed(definition(code_node("a", metadata={"serviceConfig": {"maxAttempts": 2}})))
        (service,) = services(platform, made)
        platform.services.update(service["id"], {"executionTimeout": 5, "maxAttempts": 9})
        platform.pipelines.install(made["id"], None, ME)
        (service,) = services(platform, made)
        assert (service["executionTimeout"], service["maxAttempts"]) == (5, 2)

    def test_a_paused_service_is_active_again_after_an_install(self, platform, installed):
        made = installed(chain("a"))
        (service,) = services(platform, made)
        platform.services.pause(service["id"])
        platform.pipelines.install(made["id"], None, ME)
        assert platform.services.get(service["id"])["active"] is True

    @pytest.mark.parametrize(
        ("option", "ended"), [(None, 0), ("resumeExistingCycles", 0), ("terminateExistingCycles", 1)]
    )
    def test_open_runs_end_if_that_is_asked_for(self, platform, installed, option, ended):
        made = installed(chain("a"))
        platform.runs.start(made["id"], creator=ME)
        platform.pipelines.uninstall(made["id"], None, ME)
        platform.pipelines.install(made["id"], {"resumeOption": option} if option else {}, ME)
        assert len(platform.scheduler.cancelled) == ended

    def test_the_pipelines_own_setting_says_so_too(self, platform, installed):
        made = installed(chain("a", settings={"defaultResumeOption": "terminateExistingCycles"}))
        platform.runs.start(made["id"], creator=ME)
        platform.pipelines.install(made["id"], {}, ME)
        assert len(platform.scheduler.cancelled) == 1

    def test_no_run_is_ended_for_an_install_that_is_refused(self, platform, installed):
        made = installed(chain("a"))
        platform.runs.start(made["id"], creator=ME)
        platform.pipelines.uninstall(made["id"], None, ME)
        platform.pipelines.update(made["id"], {"startNodes": []}, ME)
        with pytest.raises(BadRequest, match="no start node"):
            platform.pipelines.install(made["id"], {"resumeOption": "terminateExistingCycles"}, ME)
        assert platform.scheduler.cancelled == []


class TestInstalled:
    @pytest.mark.parametrize(
        ("what", "change"),
        [
            ("nodes", lambda it: it["nodes"][1]["inputs"].append(port("extra"))),
            ("connections", lambda it: it["connections"].clear()),
            ("root", lambda it: it["startNodes"][0].update(nodeId="b")),
            ("nodes and connections", lambda it: (it["nodes"].pop(), it["connections"].clear())),
            (
                "connections",
                lambda it: it["nodes"].append(code_node("c")) or it["connections"].append(edge("b.item", "c.item")),
            ),
        ],
    )
    def test_its_structure_stays(self, platform, installed, what, change):
        made = installed(chain("a", "b"))
        wanted = copy.deepcopy(made)
        change(wanted)
        with pytest.raises(BadRequest, match="Pipeline with installed status couldn't be updated.*" + what):
            platform.pipelines.update(made["id"], wanted, ME)
        assert platform.pipelines.get(made["id"]) == made
        platform.pipelines.uninstall(made["id"], None, ME)
        platform.pipelines.update(made["id"], wanted, ME)

    def test_sending_it_back_whole_is_no_change(self, platform, installed):
        made = installed(chain("a", "b"))
        again = platform.pipelines.update(made["id"], made, ME)
        assert again["nodes"] == made["nodes"]
        assert platform.store.count(Kind.REVISION) == 1

    def test_a_new_service_config_reaches_the_service_at_once(self, platform, installed):
        made = installed(chain("a"))
        made["nodes"][0]["metadata"]["serviceConfig"] = {"runtime": {"runnerImage": "mine:1"}}
        changed = platform.pipelines.update(made["id"], made, ME)
        assert changed["status"] == "Installed"
        assert services(platform, made)[0]["runtime"]["runnerImage"] == "mine:1"

    def test_a_node_beside_the_graph_may_come_and_is_in_service_at_once(self, platform, installed):
        made = installed(chain("a"))
        changed = platform.pipelines.update(made["id"], {"nodes": [*made["nodes"], code_node("c")]}, ME)
        assert changed["nodes"][1]["namespace"]["serviceName"].startswith("node-c-")
        assert [each["nodeId"] for each in services(platform, made)] == ["a", "c"]

    def test_it_can_always_run(self, platform, installed):
        made = installed(chain("a"))
        with pytest.raises(BadRequest, match="node 'node c' has no code"):
            platform.pipelines.update(made["id"], {"nodes": [*made["nodes"], code_node("c", config=None)]}, ME)
        with pytest.raises(BadRequest, match="the pipeline has no start node"):
            platform.pipelines.update(made["id"], {"startNodes": []}, ME)
        assert platform.pipelines.get(made["id"]) == made

    def test_its_counters_cannot_be_reset(self, platform, installed):
        made = installed(chain("a"))
        with pytest.raises(BadRequest, match="Pipeline with installed status couldn't be updated"):
            platform.pipelines.reset(made["id"])

    def test_a_paused_one_begins_no_runs(self, platform, installed):
        made = installed(chain("a"))
        paused = platform.pipelines.uninstall(made["id"], None, ME)
        assert paused["status"] == "Uninstalled"
        with pytest.raises(BadRequest, match="not installed") as refused:
            platform.runs.start(made["id"], creator=ME)
        assert "install it first" in refused.value.hint

    def test_pausing_a_draft_leaves_it_a_draft(self, platform, create):
        made = create(chain("a"))
        assert platform.pipelines.uninstall(made["id"], None, ME)["status"] == "Created"
