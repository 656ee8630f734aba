"""Policies: caches of components, and how policies are set and written."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from dtlpipe.graph import (
    DeserializationError,
    Pipeline,
    PipelineRuntimeError,
    PipelineValidationError,
    SerializationError,
    component,
)
from dtlpipe.graph.caching import DiskCache, MemoryCache
from dtlpipe.graph.policies import Guarded, Policy, Retry
from dtlpipe.graph.serialization.allowlist import import_class_by_name
from tests.unit.graph.policy_parts import AT_ONCE, Counted, Fallback, Flaky, FlakyAsync, one, run


@pytest.fixture(autouse=True)
def _count_anew():
    Counted.runs = 0


# ---- caches ----------------------------------------------------------------------------------------------------------


def test_without_a_cache_every_run_is_one():
    pipeline = one(Counted(), None)
    assert [pipeline.run({"it": {"number": 2}}) for _ in range(2)] == [{"it": {"value": 2}}] * 2
    assert Counted.runs == 2


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_was_computed_is_not_computed_again(asynchronous: bool):
    pipeline = one(Counted(), Policy(cache=MemoryCache()))
    found = [run(pipeline, {"it": {"number": each}}, asynchronous=asynchronous) for each in (2, 3, 2)]
    assert [each["it"]["value"] for each in found] == [2, 3, 2]
    assert Counted.runs == 2


def test_coroutines_are_cached_as_well():
    instance = FlakyAsync()
    pipeline = one(instance, Policy(cache=MemoryCache()))
    for _ in range(2):
        assert run(pipeline, {"it": {"items": [1]}}, asynchronous=True) == {"it": {"value": 1}}
    assert len(instance.seen) == 1


def test_a_cache_on_disk_serves_other_pipelines(tmp_path: Path):
    for _ in range(2):
        assert one(Counted(), Policy(cache=DiskCache(tmp_path))).run({"it": {"number": 2}}) == {"it": {"value": 2}}
    assert Counted.runs == 1


def test_another_parameter_is_another_component():
    cache = MemoryCache()
    instance = Counted()
    pipeline = one(instance, Policy(cache=cache))
    assert one(Counted(2), Policy(cache=cache)).run({"it": {"number": 2}}) == {"it": {"value": 4}}
    assert pipeline.run({"it": {"number": 2}}) == {"it": {"value": 2}}
    instance.factor = 3
    assert pipeline.run({"it": {"number": 2}}) == {"it": {"value": 6}}


def test_another_code_is_another_component(monkeypatch: pytest.MonkeyPatch):
    pipeline = one(Counted(), Policy(cache=MemoryCache()))
    assert pipeline.run({"it": {"number": 2}}) == {"it": {"value": 2}}
    monkeypatch.setattr(Counted, "run", lambda self, number: {"value": -number})
    assert pipeline.run({"it": {"number": 2}}) == {"it": {"value": -2}}


def test_inputs_that_cannot_be_told_apart_are_not_cached():
    pipeline = one(Counted(), Policy(cache=MemoryCache()))
    for _ in range(2):
        pipeline.run({"it": {"number": object()}})
    assert Counted.runs == 2


def test_components_that_cannot_be_described_are_not_cached():
    instance = Counted()
    instance.factor = threading.Lock()  # type: ignore[assignment]
    cache = MemoryCache()
    with pytest.raises(PipelineRuntimeError):
        one(instance, Policy(cache=cache)).run({"it": {"number": 2}})
    assert len(cache) == 0
    lone = Guarded("it", Counted(), Policy(cache=cache))
    assert [lone.run(number=2), lone.run(number=2)] == [{"value": 2}] * 2
    assert len(cache) == 0


def test_failures_are_not_cached():
    cache = MemoryCache()
    guarded = Guarded("it", Flaky(1), Policy(cache=cache, error_output="error"), lambda: {"type": "Flaky"})
    assert set(guarded.run(items=[1])) == {"error"}
    assert len(cache) == 0
    assert guarded.run(items=[1]) == {"value": 1}
    assert len(cache) == 1


def test_outputs_that_are_no_mapping_are_neither_cached_nor_accepted():
    @component
    class Wrong:
        def run(self, number: int):
            return number

    cache = MemoryCache()
    with pytest.raises(PipelineRuntimeError, match="got int instead"):
        one(Wrong(), Policy(cache=cache)).run({"it": {"number": 1}})
    assert len(cache) == 0


# ---- setting and writing policies ------------------------------------------------------------------------------------


def test_a_guarded_component_is_the_component_in_all_else():
    instance = Counted(5)
    guarded = Guarded("it", instance, Policy())
    assert guarded.factor == 5
    assert guarded.__haystack_input__ is instance.__haystack_input__


def test_inputs_may_have_any_name():
    @component
    class Odd:
        def __init__(self) -> None:
            for name in ("self", "run", "inputs", "timeout"):
                component.set_input_type(self, name, int)

        @component.output_types(total=int)
        def run(this, /, **kwargs: int):
            return {"total": sum(kwargs.values())}

    data = {"it": {"self": 1, "run": 2, "inputs": 3, "timeout": 4}}
    assert one(Odd(), Policy(timeout=60, retry=2)).run(data) == {"it": {"total": 10}}


def test_a_policy_takes_effect_at_the_next_run_and_can_be_taken_away():
    pipeline = one(Flaky(1), None)
    pipeline.set_policy("it", Policy(retry=AT_ONCE))
    assert pipeline.run({"it": {"items": [1]}}) == {"it": {"value": 1}}
    pipeline.set_policy("it", None)
    pipeline.get_component("it").seen.clear()
    with pytest.raises(PipelineRuntimeError):
        pipeline.run({"it": {"items": [1]}})


def test_a_component_that_is_there_already_may_be_given_its_policy():
    instance = Flaky(1)
    pipeline = one(instance, None).add_component("it", instance, policy=Policy(retry=AT_ONCE))
    assert pipeline.run({"it": {"items": [1]}}) == {"it": {"value": 1}}


def test_a_policy_for_nobody_is_refused():
    with pytest.raises(PipelineValidationError, match="nobody"):
        Pipeline().set_policy("nobody", Policy())


@pytest.mark.parametrize(
    "make",
    [
        lambda: Retry(attempts=0),
        lambda: Retry(attempts=1.5),  # type: ignore[arg-type]
        lambda: Retry(attempts=True),
        lambda: Retry(delay=-1),
        lambda: Retry(delay="1"),  # type: ignore[arg-type]
        lambda: Retry(delay=float("nan")),
        lambda: Retry(jitter=1.1),
        lambda: Retry(on=(BaseException,)),  # type: ignore[arg-type]
        lambda: Retry(on="ValueError"),
        lambda: Policy(retry="3"),
        lambda: Policy(retry=True),
        lambda: Policy(timeout=0),
        lambda: Policy(error_output="a.b"),
        lambda: Policy(error_output=3),
    ],
)
def test_a_policy_that_cannot_be_is_refused(make: Any):
    with pytest.raises(PipelineValidationError):
        make()


def test_a_number_of_retries_is_a_number_of_attempts():
    assert Policy(retry=4).retry == Retry(attempts=4)


def test_policies_are_written_only_when_they_are_set():
    assert "policies" not in one(Counted(), None).to_dict()
    assert "policies" not in one(Counted(), Policy()).set_policy("it", None).to_dict()


def test_policies_come_back_as_they_were_written(tmp_path: Path):
    policy = Policy(
        retry=Retry(attempts=5, on=(TimeoutError, PipelineValidationError)),
        timeout=2.5,
        error_output="error",
        cache=DiskCache(tmp_path),
    )
    pipeline = Pipeline().add_component("it", Counted(), policy=policy).add_component("fallback", Fallback())
    pipeline.add_component("plain", Counted(), policy=Policy())
    pipeline.connect("it.error", "fallback.error")
    again = Pipeline.loads(pipeline.dumps(), allowed_modules=["tests"])
    assert again == pipeline
    assert again.graph.nodes["it"]["policy"] == policy
    assert again.graph.nodes["plain"]["policy"] == Policy()
    assert pipeline.to_dict()["policies"] == {
        "it": {
            "retry": {
                "attempts": 5,
                "delay": 0.5,
                "factor": 2.0,
                "max_delay": 30.0,
                "jitter": 0.2,
                "on": ["builtins.TimeoutError", "dtlpipe.graph.errors.PipelineValidationError"],
            },
            "timeout": 2.5,
            "error_output": "error",
            "cache": {"type": "disk", "path": str(tmp_path)},
        },
        "plain": {},
    }


def test_retries_in_data_are_for_all_errors_unless_they_name_some():
    assert Policy.from_dict({"retry": {"attempts": 2}}, import_class_by_name) == Policy(retry=2)


@pytest.mark.parametrize(
    "data",
    [
        3,
        "text",
        {"unknown": 1},
        {"retry": 3.5},
        {"retry": {"unknown": 1}},
        {"retry": {"on": ["builtins.int"]}},
        {"retry": {"on": ["builtins.Nothing"]}},
        {"retry": {"on": ["os.system"]}},
        {"timeout": -1},
        {"cache": {"type": "redis"}},
    ],
)
def test_data_that_describe_no_policy_are_refused(data: Any):
    with pytest.raises(DeserializationError):
        Policy.from_dict(data, import_class_by_name)


def test_an_error_that_has_no_name_for_files_cannot_be_written():
    class Local(Exception):
        pass

    with pytest.raises(SerializationError, match="Local"):
        Policy(retry=Retry(on=Local)).to_dict()
