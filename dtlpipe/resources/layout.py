"""Places for nodes that have none: from left to right along the connections."""

from __future__ import annotations

from typing import Final

from dtlpipe.model.pipeline import Pipeline, PipelineNode

#: The grid of the field's own editor: one step to the right and one down, and the first place.
STEP: Final = (340.0, 130.5)
ORIGIN: Final = (100.0, 87.0)


def on_grid(column: float, row: float) -> tuple[float, float]:
    """The place of a grid position, as nodes are made with."""
    return ORIGIN[0] + column * STEP[0], ORIGIN[1] + row * STEP[1]


def lay_out(pipeline: Pipeline) -> None:
    """Gives a place to each node that is at (0, 0), where none is put on purpose; the others stay where they are."""
    unplaced = [node for node in pipeline.nodes if not any(node.position)]
    if not unplaced:
        return
    columns = _columns(pipeline)
    taken = {_cell(node) for node in pipeline.nodes if any(node.position)}
    for node in unplaced:
        row = 0
        while (columns[node.node_id], row) in taken:
            row += 1
        taken.add((columns[node.node_id], row))
        node.position = on_grid(columns[node.node_id], row)


def _cell(node: PipelineNode) -> tuple[int, int]:
    x, y = node.position
    return round((x - ORIGIN[0]) / STEP[0]), round((y - ORIGIN[1]) / STEP[1])


def _columns(pipeline: Pipeline) -> dict[str, int]:
    """For each node the length of the longest way to it; ways around a cycle are cut off at the number of nodes."""
    columns = dict.fromkeys((node.node_id for node in pipeline.nodes), 0)
    for _ in range(len(columns)):
        moved = False
        for each in pipeline.connections:
            source, target = each.source.node_id, each.target.node_id
            if source in columns and target in columns and columns[target] <= columns[source] < len(columns) - 1:
                columns[target] = columns[source] + 1
                moved = True
        if not moved:
            break
    return columns
