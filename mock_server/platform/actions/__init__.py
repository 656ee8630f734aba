"""Action pipelines: definitions that name actions in order, runs of them, and what is told of these.

Law: a run of an action pipeline is a run like any other, a row of the same table (`surface` is "synapse", what only
this kind of run has is in `extra`). It is driven either by the platform's worker, if its actions' code is at hand, or
from outside, by reports; never by both. Every change of it is one transaction with the event that tells of it.

    pipelines    definitions, as pipelines of nodes of the type `action`
    runs         begun, reported on, changed, resumed, deleted
    taking       which of them the platform itself drives, and from when on
    progress     what a run's state is, and how reports change it: pure
    checkpoints  what is kept after each action, and where a run can go on from
    logs         lines, by action
    witness      what the worker's own steps mean for such a run
    roots        folders with the code of actions
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from mock_server.platform.actions.checkpoints import Checkpoints
from mock_server.platform.actions.logs import Logs
from mock_server.platform.actions.pipelines import ActionPipelines
from mock_server.platform.actions.roots import CodeRoots
from mock_server.platform.actions.runs import ActionRuns
from mock_server.platform.actions.taking import Taking
from mock_server.platform.actions.witness import Witness

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


@attrs.define
class Actions:
    """All verbs of action pipelines."""

    platform: Platform
    pipelines: ActionPipelines = attrs.field(init=False)
    runs: ActionRuns = attrs.field(init=False)
    taking: Taking = attrs.field(init=False)
    checkpoints: Checkpoints = attrs.field(init=False)
    logs: Logs = attrs.field(init=False)
    roots: CodeRoots = attrs.field(init=False)
    witness: Witness = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.pipelines = ActionPipelines(self.platform)
        self.runs = ActionRuns(self.platform)
        self.taking = Taking(self.platform)
        self.checkpoints = Checkpoints(self.platform)
        self.logs = Logs(self.platform)
        self.roots = CodeRoots(self.platform)
        self.witness = Witness(self.platform)

    def open(self) -> None:
        """To be called once the worker runs: what the settings name is registered, what waits for it begins."""
        for folder in self.platform.settings.code_roots:
            self.roots.add(folder)
        self.taking.begin_waiting()
