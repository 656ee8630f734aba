"""Haystack's own components under policies, and what Haystack makes of files that have them."""

from __future__ import annotations

from typing import Any

import haystack
import pytest
from haystack.components.joiners import BranchJoiner

from dtlpipe.graph import Pipeline, component
from dtlpipe.graph.policies import ComponentFailure, Policy, Retry


@haystack.component
class Doubtful:
    """A component of Haystack's kind, which fails at its first visits."""

    def __init__(self, failures: int = 1) -> None:
        self.failures = failures
        self.runs = 0

    @haystack.component.output_types(text=str)
    def run(self, text: str) -> dict[str, Any]:
        self.runs += 1
        if self.runs <= self.failures:
            raise OSError("unreachable")
        return {"text": text.upper()}


@component
class Apologise:
    @component.output_types(text=str)
    def run(self, failure: ComponentFailure):
        return {"text": f"sorry, {failure.component} is {failure.message}"}


def with_fallback(failures: int) -> Pipeline:
    pipeline = Pipeline().add_components({"fallback": Apologise(), "joiner": BranchJoiner(str)})
    policy = Policy(retry=Retry(attempts=2, delay=0), error_output="failure")
    pipeline.add_component("doubtful", Doubtful(failures), policy=policy)
    pipeline.connect("doubtful.failure", "fallback.failure")
    pipeline.connect("doubtful.text", "joiner.value").connect("fallback.text", "joiner.value")
    return pipeline


@pytest.mark.parametrize(("failures", "text"), [(1, "HELLO"), (2, "sorry, doubtful is unreachable")])
def test_haystacks_components_are_retried_and_replaced_by_a_fallback(failures: int, text: str):
    pipeline = with_fallback(failures)
    assert pipeline.run({"doubtful": {"text": "hello"}}) == {"joiner": {"value": text}}
    assert pipeline.get_component("doubtful").runs == 2


def test_haystack_reads_files_with_policies_and_passes_over_them():
    ours = Pipeline().add_component("joiner", BranchJoiner(str), policy=Policy(retry=3))
    ours.add_component("other", BranchJoiner(str)).connect("joiner", "other")
    theirs = haystack.Pipeline.loads(ours.dumps())
    assert set(theirs.graph.nodes) == {"joiner", "other"}
