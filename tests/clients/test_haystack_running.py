r"""Runs of random pipelines in Haystack and here: the same components run in the same order, receive the same inputs,
and the run ends with the same outputs or the same error.

RUNNING_EXAMPLES says how many pipelines each test makes (100 unless given). For a long run, with how the runs ended:

    RUNNING_EXAMPLES=20000 python -m pytest tests/clients/test_haystack_running.py -q -o timeout=0 \
        --hypothesis-show-statistics

Asynchronous runs are on an event loop whose clock the test turns, so their order is decided, and compared too. Left out
of the comparison is what docs/engine-differences.md lists: Haystack's IndexError at the end of a run, and which error
is raised if several components failed, or several inputs do not fit.
"""

from __future__ import annotations

import asyncio
import copy
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, event, given, note, settings
from hypothesis import strategies as st

from dtlpipe.graph import Pipeline, component
from tests.clients.haystack_cases import (
    Case,
    Stage,
    TheirPipeline,
    TurnedClock,
    build,
    cases,
    component_class,
    ending,
    their_component,
)

EXAMPLES = settings(
    max_examples=int(os.environ.get("RUNNING_EXAMPLES", "50")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
        Phase.shrink,
    ],  # explaining traces each line, at thrice the time
)
THEIRS = component_class(their_component)
OURS = component_class(component)
THEIRS_ASYNC = component_class(their_component, is_async=True)
OURS_ASYNC = component_class(component, is_async=True)


def made(case: Case, pipeline: Any, node: Any) -> tuple[Any, Stage, list[str]]:
    stage = Stage(case)
    own = pipeline(max_runs_per_component=case.limit, connection_type_validation=case.checks_types)
    return own, stage, build(case, own, node, stage)


def run_thrice(case: Case, pipeline: Any, node: Any) -> list[Any]:
    own, stage, endings = made(case, pipeline, node)
    thrice = [  # the third is the first one that may follow a rehearsal
        ending(stage, lambda: own.run(copy.deepcopy(case.data), include_outputs_from=set(case.include)))
        for _ in range(3)
    ]
    return [endings, *thrice]


def same(theirs: tuple[Any, Any], ours: tuple[Any, Any]) -> bool:
    if theirs[1] == "their bug":
        return theirs[0] == ours[0] and isinstance(ours[1], dict)
    return theirs == ours


def outcome(ended: tuple[Any, Any]) -> str:
    """Return how a run ended, for `--hypothesis-show-statistics`."""
    if isinstance(ended[1], dict):
        return "outputs" if ended[1] else "nothing"
    return ended[1] if isinstance(ended[1], str) else ended[1][0]


@pytest.mark.parametrize("node", [OURS, THEIRS], ids=["our components", "their components"])
@EXAMPLES
@given(case=cases())
def test_a_run_here_is_a_run_there(node: Any, case: Case):
    theirs = run_thrice(case, TheirPipeline, THEIRS)
    ours = run_thrice(case, Pipeline, node)
    note(f"theirs {theirs}\nours   {ours}")
    assert theirs[0] == ours[0]
    event(f"ended with {outcome(ours[1])}")
    event(f"{min(len(ours[1][0]), 20)} visits")
    assert same(theirs[1], ours[1])
    assert same(theirs[2], ours[2])
    assert same(theirs[3], ours[3])


def run_async(case: Case, pipeline: Any, node: Any, limit: int) -> list[Any]:
    own, stage, endings = made(case, pipeline, node)

    def run() -> Any:
        with asyncio.Runner(loop_factory=TurnedClock) as runner:
            return runner.run(
                own.run_async(copy.deepcopy(case.data), include_outputs_from=set(case.include), concurrency_limit=limit)
            )

    return [endings, ending(stage, run)]


def fail_side_by_side(theirs: tuple[Any, Any], ours: tuple[Any, Any]) -> bool:
    """Whether several components failed before Haystack looked: which error it raises is then not decided."""
    alike = isinstance(theirs[1], tuple) and isinstance(ours[1], tuple) and theirs[1][0] == ours[1][0]
    return theirs[0] == ours[0] and alike and ours[1][0] == "PipelineRuntimeError"


@EXAMPLES
@given(case=cases(), limit=st.sampled_from([1, 2, 3, 100]))
def test_an_asynchronous_run_here_is_one_there(case: Case, limit: int):
    theirs = run_async(case, TheirPipeline, THEIRS_ASYNC, limit)
    ours = run_async(case, Pipeline, OURS_ASYNC, limit)
    note(f"theirs {theirs}\nours   {ours}")
    assert theirs[0] == ours[0]
    event(f"ended with {outcome(ours[1])}")
    assert same(theirs[1], ours[1]) or fail_side_by_side(theirs[1], ours[1])


@EXAMPLES
@given(case=cases(cyclic=False, mishaps=(0,)))
def test_a_run_in_threads_gives_what_haystack_gives_one_at_a_time(case: Case):
    assume(not any("greedy" in what for kind in case.kinds for what, _ in kind.inputs.values()))
    own, stage, _ = made(case, TheirPipeline, THEIRS)
    theirs = ending(stage, lambda: own.run(copy.deepcopy(case.data), include_outputs_from=set(case.include)))
    other, here, _ = made(case, Pipeline, OURS)
    ours = ending(here, lambda: other.run(copy.deepcopy(case.data), include_outputs_from=set(case.include), parallel=3))
    note(f"theirs {theirs}\nours   {ours}")
    event(f"ended with {outcome(ours)}")
    if isinstance(ours[1], dict):
        assert unordered(theirs[0]) == unordered(ours[0])
    assert same(([], theirs[1]), ([], ours[1]))


def unordered(trace: Any) -> Any:
    """Return what ran with what, whatever the order: of the visits, and of what a variadic input gathered."""
    return sorted(
        (name, sorted((own, sorted(map(str, value)) if isinstance(value, list) else str(value)) for own, value in got))
        for name, got in ((name, received.items()) for name, received in trace)
    )
