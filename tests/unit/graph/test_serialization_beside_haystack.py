"""Serialization beside Haystack, with stand-ins for its modules; the real one is met in tests/clients."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from dtlpipe.graph import DeserializationCallbacks, component_from_dict, default_from_dict
from dtlpipe.graph.errors import DeserializationError
from dtlpipe.graph.serialization import allowlist
from dtlpipe.graph.serialization.allowlist import deserialization_context, trusting_haystack
from tests.unit.graph.serializable import HERE, Add, Bare, Holder


def module(name: str, **content: Any) -> ModuleType:
    made = ModuleType(name)
    made.__dict__.update(content)
    return made


@pytest.fixture
def told(monkeypatch) -> list[Any]:
    """Whatever Haystack is told: what to trust, and whom to call."""
    calls: list[Any] = []

    @contextmanager
    def trust(allowed_modules, *, unsafe):
        calls.append((list(allowed_modules), unsafe))
        yield
        calls.append("over")

    @contextmanager
    def hook(callback):
        calls.append("hooked")
        callback(Bare, {"from": "Haystack"})
        yield

    class Restored:
        @classmethod
        def from_dict(cls, data) -> tuple[str, Any]:
            return ("restored", data)

    monkeypatch.setattr(allowlist, "_added", [HERE])
    for name in (*allowlist.ALLOWLIST_VARIABLES, *allowlist.UNSAFE_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    for name, content in {
        "haystack.core.serialization_security": {"_deserialization_context": trust},
        "haystack.core.component.component": {
            "component": SimpleNamespace(registry={"haystack.made.up.Thing": Bare}),
            "_hook_component_init": hook,
        },
        "haystack.utils.auth": {"Secret": Restored},
        "haystack.utils.device": {"ComponentDevice": Restored},
    }.items():
        monkeypatch.setitem(sys.modules, name, module(name, **content))
    return calls


def test_haystack_trusts_within_a_call_what_the_call_trusts_and_is_told_once(told, monkeypatch):
    monkeypatch.setenv("DTLPIPE_DESERIALIZATION_ALLOWLIST", "theirs")
    with deserialization_context(["mine"]), trusting_haystack():
        assert told == [([HERE, "theirs", "mine"], False)]
    assert told == [([HERE, "theirs", "mine"], False), "over"]
    with deserialization_context(unsafe=True):
        assert told[-1] == ([HERE, "theirs"], True)


def test_a_component_alone_is_read_with_the_same_trust(told):
    component_from_dict(Add, {"type": f"{HERE}.Add"}, "adder")
    assert told == [([HERE], False), "over"]


def test_a_haystack_without_a_list_of_its_own_is_left_alone(told, monkeypatch):
    monkeypatch.delattr(sys.modules["haystack.core.serialization_security"], "_deserialization_context")
    with trusting_haystack():
        assert told == []


def test_components_that_haystack_has_loaded_are_found_without_any_import(told):
    assert allowlist.registered("haystack.made.up.Thing") is Bare
    assert allowlist.registered("haystack.made.up.Other") is None


def test_the_callback_hears_of_both_libraries_components(told):
    seen = []
    callbacks = DeserializationCallbacks(lambda *about: seen.append(about))
    component_from_dict(Add, {"type": f"{HERE}.Add", "init_parameters": {"amount": 3}}, "adder", callbacks)
    assert seen == [("adder", Bare, {"from": "Haystack"}), ("adder", Add, {"amount": 3})]


@pytest.mark.parametrize(
    "value",
    [
        {"type": "env_var", "env_vars": ["KEY"], "strict": True},
        {"type": "single", "device": "cpu"},
        {"type": "multiple", "device_map": {"a": "cpu"}},
    ],
)
def test_secrets_and_devices_are_restored_by_haystack(told, value):
    data = {"type": f"{HERE}.Holder", "init_parameters": {"point": value}}
    assert default_from_dict(Holder, data).point == ("restored", value)


def test_without_haystack_a_secret_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "haystack.utils.auth", None)
    data = {"type": f"{HERE}.Holder", "init_parameters": {"point": {"type": "env_var", "env_vars": ["KEY"]}}}
    with pytest.raises(DeserializationError, match="pip install haystack-ai"):
        default_from_dict(Holder, data)


def test_without_haystack_there_is_nothing_to_tell(told, monkeypatch):
    for name in ("haystack.core.serialization_security", "haystack.core.component.component"):
        monkeypatch.delitem(sys.modules, name)
    seen = []
    component_from_dict(Add, {"type": f"{HERE}.Add"}, "adder", DeserializationCallbacks(lambda *about: seen.append(1)))
    assert (told, seen) == ([], [1])
    assert allowlist.registered("haystack.made.up.Thing") is None
