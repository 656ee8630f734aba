"""What nodes ask of a cluster, and what is said when no machine of it has that."""

from __future__ import annotations

import pytest

from mock_server.executors.ray_resources import Demand, demand_of, shortage, wanted

GIB = 1024**3


def test_a_node_that_says_nothing_takes_one_processor():
    assert demand_of({}) == Demand(cpu=1)
    assert demand_of({"numReplicas": 3, "concurrency": 10, "autoscaler": None}).options() == {
        "num_cpus": 1,
        "num_gpus": 0,
    }


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        ("regular-xs", {"num_cpus": 1, "num_gpus": 0}),
        ("regular-l", {"num_cpus": 4, "num_gpus": 0}),
        ("highmem-s", {"num_cpus": 2, "num_gpus": 0, "memory": 16 * GIB}),
        ("gpu-t4", {"num_cpus": 4, "num_gpus": 1, "resources": {"accelerator_type:T4": 0.001}}),
        ("gpu-a100-m", {"num_cpus": 1, "num_gpus": 1, "resources": {"accelerator_type:A100": 0.001}}),
        ("of-no-family", {"num_cpus": 1, "num_gpus": 0}),
    ],
)
def test_pods_have_sizes(pod, expected):
    assert demand_of({"podType": pod}).options() == expected


def test_what_a_node_says_itself_goes_before_its_pod():
    runtime = {"podType": "gpu-t4-m", "cpu": 0.5, "gpu": 0, "memory": 100.5, "resources": {"fast_disk": 2}}
    assert demand_of(runtime).options() == {
        "num_cpus": 0.5,
        "num_gpus": 0,
        "memory": 101,
        "resources": {"fast_disk": 2},
    }


def test_requirements_become_an_environment():
    assert demand_of({"requirements": ["numpy>=2"]}).options()["runtime_env"] == {"pip": ["numpy>=2"]}


@pytest.mark.parametrize(
    ("runtime", "key"),
    [
        ({"cpu": "2"}, "runtime.cpu"),
        ({"cpu": True}, "runtime.cpu"),
        ({"gpu": -1}, "runtime.gpu"),
        ({"gpu": 1.5}, "runtime.gpu"),
        ({"memory": float("nan")}, "runtime.memory"),
        ({"resources": ["fast_disk"]}, "runtime.resources"),
        ({"resources": {"fast_disk": "1"}}, "runtime.fast_disk"),
        ({"requirements": "numpy"}, "runtime.requirements"),
    ],
)
def test_what_is_no_amount_is_refused_by_its_name(runtime, key):
    with pytest.raises(ValueError, match=key):
        demand_of(runtime)


def test_a_demand_that_one_idle_machine_could_meet_is_no_shortage():
    asked = wanted({"num_cpus": 2, "num_gpus": 0})
    assert asked == {"CPU": 2}
    assert shortage(asked, [{"CPU": 1.0}, {"CPU": 4.0}]) is None


def test_a_shortage_names_what_is_asked_and_what_there_is():
    said = shortage({"CPU": 2, "GPU": 1}, [{"CPU": 8}, {"CPU": 1, "GPU": 4}])
    assert said == "it asks for 2 CPU, 1 GPU, and no node of the cluster has that (at most 8 CPU, 4 GPU)"
    assert shortage({"CPU": 1}, []) == "the cluster has no nodes"
