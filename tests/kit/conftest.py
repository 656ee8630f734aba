"""The test kit, tested with itself: the fixtures here are the plugin's own, on one platform for the whole folder."""

from __future__ import annotations

from typing import Any

import pytest

import dtlpipe as dl


def answer(n: int) -> int:
    return n + 1


@pytest.fixture
def make_pipeline(project):
    """Makes an installed pipeline of one node."""

    def make(method: Any = answer, name: str = "only", config: dict[str, Any] | None = None, **cron: Any) -> Any:
        pipeline = project.pipelines.create(name=name)
        node = dl.CodeNode(
            name=method.__name__, position=(1, 1), project_id=project.id, project_name=project.name, method=method
        )
        node.metadata["serviceConfig"] = config or {}
        pipeline.nodes.add(node)
        if cron:
            node.add_trigger(trigger_type=dl.TriggerType.CRON, **cron)
        return pipeline.update().install()

    return make
