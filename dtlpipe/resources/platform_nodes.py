"""Builders of nodes that are the platform's own work: tasks, merge, split, updateVariable, other pipelines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dtlpipe.model.enums import PackageInputType, PipelineNodeType
from dtlpipe.model.pipeline import PipelineNameSpace, PipelineNodeIO
from dtlpipe.resources.nodes import Position, _Built, _placed


class TaskNode(_Built):
    """A node that gives each item that reaches it to people, and goes on with what one of them says of it."""

    def __init__(
        self,
        name: str,
        project_id: str | None = None,
        dataset_id: str | None = None,
        recipe_title: str | None = None,
        recipe_id: str | None = None,
        task_owner: str | None = None,
        workload: Iterable[Any] | Any = (),
        task_type: str = "annotation",
        position: Position | None = None,
        actions: Iterable[str] = (),
        repeatable: bool = True,  # noqa: FBT001, FBT002 - the field's own signature
        **details: Any,
    ) -> None:
        """Builds the node.

        Args:
            name: of the node, unique in its pipeline, and of its task.
            project_id: by default the pipeline's.
            dataset_id: the dataset that its items are of.
            recipe_title: what annotators are shown, by name.
            recipe_id: the same, by id.
            task_owner: the address of whom it belongs to.
            workload: who has which share of it, as data or with a `to_json()`.
            task_type: "annotation" or "qa".
            position: (column, row); by default found when the pipeline is sent.
            actions: what may be said of an item; by default "complete" (of a "qa" task "approve") and "discard".
            repeatable: whether an item may come a second time.
            details: `batch_size`, `priority`, `due_date` and the like, which are kept.
        """
        said = list(actions) or ["approve" if task_type == "qa" else "complete", "discard"]
        item = PackageInputType.ITEM
        several = list(workload) if isinstance(workload, list | tuple) else [workload]
        given = {
            "datasetId": dataset_id,
            "recipeTitle": recipe_title,
            "recipeId": recipe_id,
            "taskOwner": task_owner,
            "taskType": task_type,
            "workload": [each.to_json() if hasattr(each, "to_json") else each for each in several],
            "repeatable": repeatable,
            **{_camel(key): value for key, value in details.items()},
        }
        super().__init__(
            name=name,
            node_type=PipelineNodeType.TASK,
            project_id=project_id,
            inputs=[PipelineNodeIO(name="item", input_type=item)],
            outputs=[PipelineNodeIO(name="item", input_type=item, display_name=said[0], actions=said)],
            namespace=PipelineNameSpace(
                function_name="move_to_task", project_name="DataloopTasks", service_name="pipeline-utils"
            ),
            metadata={**_placed(position), **{key: value for key, value in given.items() if value is not None}},
        )


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(each.capitalize() for each in rest)


class PlatformNode(_Built):
    """A node that is the platform's own work: merge, split, updateVariable, api or pipeline."""

    def __init__(
        self,
        name: str,
        node_type: PipelineNodeType | str,
        inputs: Iterable[PipelineNodeIO] = (),
        outputs: Iterable[PipelineNodeIO] = (),
        *,
        project_id: str | None = None,
        position: Position | None = None,
        variable_name: str | None = None,
        pipeline_id: str | None = None,
    ) -> None:
        """Builds the node.

        Args:
            name: of the node, unique in its pipeline.
            node_type: what it does.
            inputs: its input ports.
            outputs: its output ports. Those of a split have a `port_percentage`.
            project_id: by default the pipeline's.
            position: (column, row); by default found when the pipeline is sent.
            variable_name: the variable that an `updateVariable` node sets; by default the name of its only input.
            pipeline_id: the pipeline that a `pipeline` node runs.
        """
        given = {"variableName": variable_name, "pipelineId": pipeline_id}
        super().__init__(
            name=name,
            node_type=PipelineNodeType(node_type),
            project_id=project_id,
            inputs=list(inputs),
            outputs=list(outputs),
            namespace=PipelineNameSpace(function_name=str(PipelineNodeType(node_type).value)),
            metadata={**_placed(position), **{key: value for key, value in given.items() if value is not None}},
        )
