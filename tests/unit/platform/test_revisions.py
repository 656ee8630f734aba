"""Revisions, which are what runs run, and the triggers that installs make."""

from __future__ import annotations

import pytest

from dtlpipe.errors import BadRequest
from mock_server.store.base import Kind
from tests.unit.platform.building import chain, code_node, definition, root
from tests.unit.platform.conftest import ME


class TestRevisions:
    def test_runs_of_one_state_share_a_revision(self, platform, installed):
        made = installed(chain("a"))
        first = platform.pipelines.revision(made)
        assert platform.pipelines.revision(made) == first
        assert first["number"] == 1
        assert first["nodes"] == made["nodes"]

    def test_a_change_of_what_runs_makes_a_new_one_and_the_old_one_stays(self, platform, installed):
        made = installed(chain("a"))
        old = platform.pipelines.revision(made)
        platform.pipelines.update_variables(made["id"], {"variables": [{"name": "v", "value": 1}]}, ME)
        new = platform.pipelines.revision(made)
        assert (new["number"], new["variables"][0]["value"]) == (2, 1)
        assert platform.store.get(Kind.REVISION, old["id"]) == old

    def test_a_change_of_looks_makes_none(self, platform, installed):
        made = installed(chain("a"))
        made["nodes"][0]["metadata"]["position"] = {"x": 900, "y": 900, "z": 1}
        platform.pipelines.update(made["id"], {"nodes": made["nodes"], "name": "other", "description": "d"}, ME)
        assert platform.pipelines.revision(made)["number"] == 1

    def test_a_draft_can_be_tested_if_it_can_run(self, platform, create):
        made = create(chain("a"))
        assert platform.runs.start(made["id"], test_mode=True, creator=ME)["testMode"] is True
        lacking = create(definition(code_node("a", config=None)))
        with pytest.raises(BadRequest, match=r"Failed to execute pipeline.*has no code"):
            platform.runs.start(lacking["id"], test_mode=True, creator=ME)

    def test_deleting_and_installing_as_runs_begin_leaves_no_run_without_revision(self, platform, installed):
        made = installed(chain("a"))
        run = platform.runs.start(made["id"], creator=ME)
        made["nodes"][0]["config"]["package"]["code"] = "def run(item):\n    return 1\n"
        platform.pipelines.update(made["id"], made, ME)
        again = platform.runs.start(made["id"], creator=ME)
        assert run["revisionId"] != again["revisionId"]
        assert platform.store.get(Kind.REVISION, run["revisionId"]) is not None


class TestTriggers:
    def body(self):
        spec = {"filter": '{"dir": "/in"}', "resource": "Item", "actions": ["Created"]}
        return definition(code_node("a"), starts=[root("a", trigger={"type": "Event", "spec": spec})])

    def triggers(self, platform, pipeline):
        query = {"filter": {"spec.operation.id": pipeline["id"]}, "resource": "triggers"}
        return platform.triggers.query(query)["items"]

    def test_start_nodes_become_triggers_at_install_not_before(self, platform, create):
        made = create(self.body())
        assert self.triggers(platform, made) == []
        platform.pipelines.install(made["id"], None, ME)
        (trigger,) = self.triggers(platform, made)
        assert trigger["active"] is True
        assert trigger["type"] == "Event"
        assert trigger["spec"]["operation"] == {"type": "pipeline", "id": made["id"], "nodeId": "a"}
        assert trigger["spec"]["filter"] == '{"dir": "/in"}'

    @pytest.mark.parametrize(
        ("settings", "body", "active"),
        [
            ({}, None, False),
            ({}, {"keepTriggersActive": True}, True),
            ({"keepTriggersActive": True}, {}, True),
            ({"keepTriggersActive": True}, {"keepTriggersActive": False}, False),
            ({"keepTriggersActive": "resumeExistingCycles"}, {}, False),
        ],
    )
    def test_a_pause_puts_them_to_rest_unless_they_are_kept(self, platform, installed, settings, body, active):
        made = installed({**self.body(), "settings": settings})
        (before,) = self.triggers(platform, made)
        platform.pipelines.uninstall(made["id"], body, ME)
        assert self.triggers(platform, made)[0]["active"] is active
        platform.pipelines.install(made["id"], None, ME)
        (after,) = self.triggers(platform, made)
        assert (after["id"], after["active"]) == (before["id"], True)

    def test_a_pause_that_is_told_nonsense_is_refused(self, platform, installed):
        made = installed(self.body())
        with pytest.raises(BadRequest, match="keepTriggersActive"):
            platform.pipelines.uninstall(made["id"], {"keepTriggersActive": "yes"}, ME)

    def test_an_edit_of_the_trigger_is_an_edit_of_the_start_node(self, platform, installed):
        made = installed(self.body())
        (trigger,) = self.triggers(platform, made)
        platform.triggers.update(trigger["id"], {"spec": {"actions": ["Updated"], "operation": {"type": "function"}}})
        start = platform.pipelines.get(made["id"])["startNodes"][0]
        assert start["trigger"]["spec"]["actions"] == ["Updated"]
        platform.pipelines.install(made["id"], None, ME)
        (after,) = self.triggers(platform, made)
        assert after["spec"]["actions"] == ["Updated"]
        assert after["spec"]["operation"]["type"] == "pipeline"

    def test_a_deleted_trigger_stays_deleted(self, platform, installed):
        made = installed(self.body())
        (trigger,) = self.triggers(platform, made)
        platform.triggers.delete(trigger["id"])
        again = platform.pipelines.install(made["id"], None, ME)
        assert self.triggers(platform, made) == []
        assert again["startNodes"] == [{key: value for key, value in made["startNodes"][0].items() if key != "trigger"}]

    def test_a_start_node_that_is_gone_takes_its_trigger_along(self, platform, installed):
        made = installed(self.body())
        platform.pipelines.update(made["id"], {"startNodes": [root("a")]}, ME)
        assert self.triggers(platform, made) == []


class TestGoingBack:
    def test_it_is_one_change_in_which_the_pipeline_is_never_without_its_install(self, platform, installed):
        made = installed(chain("a"))
        platform.pipelines.uninstall(made["id"], None, ME)
        platform.pipelines.update(made["id"], chain("b", "c"), ME)
        platform.pipelines.install(made["id"], None, ME)
        seen, write = [], platform.store.write

        def watched(intent):
            found = write(intent)
            seen.append(platform.pipelines.get(made["id"])["status"])
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(platform.store, "write", watched)
            back = platform.revisions.rollback(made["id"], 1, ME)
        assert ([node["id"] for node in back["nodes"]], seen) == (["a"], ["Installed"])
        assert platform.pipelines.revision(back)["number"] == 3

    def test_a_revision_that_can_no_longer_run_leaves_no_trace(self, platform, installed):
        other = installed(chain("z"))
        name = other["nodes"][0]["namespace"]["serviceName"]
        borrowing = code_node("a", type="function", config=None, namespace={"functionName": "run", "serviceName": name})
        made = installed(definition(borrowing))
        platform.pipelines.uninstall(made["id"], None, ME)
        platform.pipelines.update(made["id"], chain("b"), ME)
        before = platform.pipelines.install(made["id"], None, ME)
        platform.pipelines.delete(other["id"])
        with pytest.raises(BadRequest, match=r"Failed to roll back pipeline.*service"):
            platform.revisions.rollback(made["id"], 1, ME)
        assert platform.pipelines.get(made["id"]) == before
