"""How a run ended: whether something kept it from its outputs, and what.

Law: reading only. A run that stops early has no error in it, since branches are left untaken on purpose all the time;
whoever wonders finds the components that still wait, and for what, in the log.
"""

from __future__ import annotations

from dtlpipe.graph.pipeline.compiling import Compiled
from dtlpipe.graph.pipeline.visiting import logger
from dtlpipe.graph.schedule import RunState

__all__ = ["warn_if_blocked"]


def warn_if_blocked(compiled: Compiled, state: RunState) -> None:
    """Warn if the pipeline has outputs of its own and the run gave none of them.

    Named are the components at which the run got stuck: those that received something and lack something else. If there
    are none, those that never ran although a component before them did; and if all of them ran, that is said.
    """
    leaves = compiled.leaves
    if not leaves or not leaves.isdisjoint(state.outputs):
        return
    plan = compiled.plan
    stuck = dict(state.blocked()) or _left_out(compiled, state)
    if not stuck:
        logger.warning(
            "The run has ended without an output: all components ran, but none returned an output that no other "
            "component receives. Check what these return: %s.",
            ", ".join(f"'{name}'" for name in sorted(leaves)),
        )
        return
    lines = [
        f"  - '{name}' ({compiled.types[plan.index[name]].__name__}){_reason(compiled, state, name, empty)}"
        for name, empty in sorted(stuck.items(), key=lambda item: plan.rank[plan.index[item[0]]])
    ]
    logger.warning(
        "Cannot run pipeline - the pipeline appears to be blocked.\n"
        "The following components could not be run and may be waiting on inputs that will never arrive:\n%s\n"
        "Components of a branch that was not taken belong here too. If this is not intended, check what the named "
        "senders return and which inputs the run was given.",
        "\n".join(lines),
    )


def _left_out(compiled: Compiled, state: RunState) -> dict[str, tuple[str, ...]]:
    """Return the components that never ran though a sender of theirs did, with their mandatory inputs."""
    plan, visits = compiled.plan, state.visits
    reached = {plan.names[target] for i, name in enumerate(plan.names) if visits[name] for target in plan.receivers[i]}
    found = [name for name in state.not_run() if name in reached] or state.not_run()
    return {name: tuple(i.name for i in plan.intakes[plan.index[name]] if i.mandatory) for name in found}


def _reason(compiled: Compiled, state: RunState, name: str, empty: tuple[str, ...]) -> str:
    """Say for which inputs a component waits, and what became of their senders."""
    visits, parts = state.visits, []
    for socket in empty:
        senders = [
            f"'{edge.source}.{edge.source_socket}' "
            + ("ran and did not return it" if visits[edge.source] else "did not run")
            for edge in compiled.plan.edges
            if edge.target == name and edge.target_socket == socket
        ]
        parts.append(f"'{socket}' ({'; '.join(senders)})" if senders else f"'{socket}'")
    return f": waits for {', '.join(parts)}" if parts else ""
