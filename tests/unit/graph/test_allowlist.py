"""What serialized data may name: nothing outside the list is imported, returned or called."""

from __future__ import annotations

import collections
import json
import logging
import os
import sys
import typing

import pytest

import dtlpipe.graph
from dtlpipe.graph import allow_deserialization_module, component, import_class_by_name
from dtlpipe.graph.errors import DeserializationError
from dtlpipe.graph.serialization import allowlist
from dtlpipe.graph.serialization.allowlist import deserialization_context, import_function_by_name


@pytest.fixture(autouse=True)
def the_list_as_it_ships(monkeypatch):
    monkeypatch.setattr(allowlist, "_added", [])
    monkeypatch.setattr(allowlist, "_unsafe_environment", [])
    for name in (*allowlist.ALLOWLIST_VARIABLES, *allowlist.UNSAFE_VARIABLES):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A package outside of the list, that notes when it is imported."""
    package = tmp_path / "shop_outside"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "goods.py").write_text(
        "import os, sys, subprocess, collections, typing, logging\nfrom subprocess import Popen\n"
        "sys.modules['shop_outside'].imported = True\n"
        "environ = os.environ\nlogger = logging.getLogger('x')\nnumber = 5\n"
        "class Goods:\n    def __init__(self, price=1): self.price = price\n"
        "    @staticmethod\n    def made(): return 1\n"
        "    class Inner:\n        pass\n"
        "def sell(): return 'sold'\n"
        "sell_method = Goods().__init__\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "shop_outside.goods"
    for name in [name for name in sys.modules if name.startswith("shop_outside")]:
        del sys.modules[name]


def test_a_module_outside_of_the_list_is_refused_before_it_is_imported(shop):
    with pytest.raises(DeserializationError) as caught:
        import_class_by_name(f"{shop}.Goods")
    assert "shop_outside.goods" in str(caught.value)
    for remedy in ("allowed_modules=['shop_outside.goods']", "allow_deserialization_module", "unsafe=True"):
        assert remedy in str(caught.value)
    assert shop not in sys.modules


@pytest.mark.parametrize(
    "pattern",
    ["shop_outside", "shop_outside.*", "shop_outside.goods", "shop_*", "shop_outside.g?ods", "shop[_]outside.goods"],
)
def test_patterns_allow_a_package_and_what_is_below(shop, pattern):
    with deserialization_context([pattern]):
        assert import_class_by_name(f"{shop}.Goods").__name__ == "Goods"


@pytest.mark.parametrize("pattern", ["shop", "shop_outside.good", "shop_outside.goods.x", "shop_?", "goods"])
def test_other_patterns_do_not(shop, pattern):
    with deserialization_context([pattern]), pytest.raises(DeserializationError, match="not on the trusted-module"):
        import_class_by_name(f"{shop}.Goods")


def test_the_process_can_allow_a_module_for_good(shop):
    allow_deserialization_module("shop_outside")
    allow_deserialization_module("shop_outside")
    assert allowlist._added == ["shop_outside"]
    assert import_class_by_name(f"{shop}.Goods").__name__ == "Goods"


@pytest.mark.parametrize("variable", allowlist.ALLOWLIST_VARIABLES)
def test_the_environment_can_allow_modules(shop, variable, monkeypatch):
    monkeypatch.setenv(variable, "nothing_else , shop_outside.*,")
    assert import_class_by_name(f"{shop}.Goods").__name__ == "Goods"


def test_an_inner_call_trusts_what_the_outer_one_does_and_no_longer(shop):
    with deserialization_context(["shop_outside"]):
        with deserialization_context(["another"]):
            assert import_class_by_name(f"{shop}.Goods").__name__ == "Goods"
        with deserialization_context(unsafe=True), deserialization_context():
            assert allowlist.is_unsafe()
        assert not allowlist.is_unsafe()
    with pytest.raises(DeserializationError):
        import_class_by_name(f"{shop}.Goods")


def test_a_string_of_modules_is_refused_for_its_letters_would_be_patterns():
    with pytest.raises(TypeError, match=r"\['mine'\]"), deserialization_context("mine"):
        pass


# ---- unsafe ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", allowlist.UNSAFE_VARIABLES)
def test_the_environment_turns_the_list_off_and_says_so(shop, variable, monkeypatch, caplog):
    monkeypatch.setenv(variable, " True ")
    with caplog.at_level(logging.WARNING):
        assert import_class_by_name(f"{shop}.Goods").__name__ == "Goods"
    assert variable in caplog.text


def test_the_environment_is_asked_once_so_that_data_cannot_change_it(shop, monkeypatch):
    assert not allowlist.is_unsafe()
    monkeypatch.setenv(allowlist.UNSAFE_VARIABLES[0], "1")
    assert not allowlist.is_unsafe()


def test_unsafe_calls_get_whatever_they_name(shop):
    with deserialization_context(unsafe=True):
        assert import_class_by_name(f"{shop}.sell")() == "sold"
        assert import_function_by_name("os.system") is os.system
        assert import_function_by_name("builtins.eval") is eval


# ---- classes ---------------------------------------------------------------------------------------------------------


def test_components_that_the_program_has_are_found_without_any_import(monkeypatch):
    @component
    class Mine:
        def run(self):
            return {}

    monkeypatch.setitem(component.registry, "not_importable_at_all.Mine", Mine)
    assert import_class_by_name("not_importable_at_all.Mine") is Mine


def test_names_of_haystack_for_what_is_ours_give_ours():
    for name in ("haystack.core.super_component.super_component.SuperComponent", "haystack.SuperComponent"):
        assert allowlist.our_name(name) == "dtlpipe.graph.super_components.SuperComponent"
    assert allowlist.our_name("haystack.core.pipeline.pipeline.Pipeline") == "dtlpipe.graph.pipeline.pipeline.Pipeline"
    assert allowlist.our_name("haystack.other.Thing") == "haystack.other.Thing"


def test_types_of_the_standard_library_that_annotations_use_are_allowed():
    assert import_class_by_name("builtins.str") is str
    assert import_class_by_name("collections.deque") is collections.deque
    assert import_class_by_name("collections.abc.Mapping") is collections.abc.Mapping
    assert import_class_by_name("typing.Optional") is typing.Optional
    assert import_class_by_name("typing.Union") is typing.Union


@pytest.mark.parametrize("name", ["builtins.eval", "builtins.open", "builtins.__import__", "typing.cast"])
def test_functions_are_no_classes(name):
    with pytest.raises(DeserializationError, match=name.rpartition(".")[2]):
        import_class_by_name(name)


@pytest.mark.parametrize("name", ["os.system", "subprocess.Popen", "importlib.import_module", "pickle.Unpickler"])
def test_the_classics_are_not_on_the_list(name):
    with pytest.raises(DeserializationError, match=name.rpartition(".")[0]):
        import_class_by_name(name)


def test_what_an_allowed_module_has_imported_is_not_allowed_by_that(shop):
    with deserialization_context(["shop_outside"]):
        for name, home in [("os", "os"), ("Popen", "subprocess"), ("subprocess", "subprocess"), ("environ", "os")]:
            with pytest.raises(DeserializationError, match=f"not of '{shop}' but of '{home}'"):
                import_class_by_name(f"{shop}.{name}")
        with pytest.raises(DeserializationError, match="it is no class"):
            import_class_by_name(f"{shop}.number")


@pytest.mark.parametrize("name", ["dtlpipe.graph.errors.__dict__", "typing.__builtins__", "collections.gi_frame"])
def test_the_inside_of_objects_is_closed(name):
    with pytest.raises(DeserializationError, match="inside of an object"):
        import_class_by_name(name)


@pytest.mark.parametrize("name", ["dtlpipe.nothing_here.Thing", "typing.NoSuchThing", "Thing"])
def test_what_is_not_there_is_an_import_error(name):
    with pytest.raises(ImportError, match=f"Could not import '{name}'"):
        import_class_by_name(name)


# ---- functions -------------------------------------------------------------------------------------------------------


def test_functions_and_static_methods_of_allowed_modules_are_found(shop):
    with deserialization_context(["shop_outside"]):
        assert import_function_by_name(f"{shop}.sell")() == "sold"
        assert import_function_by_name(f"{shop}.Goods.made")() == 1
        assert import_function_by_name(f"{shop}.Goods.Inner").__name__ == "Inner"
    with deserialization_context(["json"]):
        assert import_function_by_name("json.dumps") is json.dumps
    assert import_function_by_name("builtins.print") is print


def test_a_function_of_a_module_that_is_allowed_but_not_installed_is_refused_as_such():
    with deserialization_context(["not_installed_at_all"]):
        for name in ("not_installed_at_all.function", "not_installed_at_all"):
            with pytest.raises(DeserializationError, match="Is its package installed"):
                import_function_by_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "builtins.eval",
            "builtins.exec",
            "builtins.compile",
            "builtins.__import__",
            "builtins.open",
            "builtins.getattr",
        ),
        *("builtins.setattr", "builtins.globals", "builtins.vars", "builtins.type", "builtins.breakpoint"),
        *("dtlpipe.graph.allow_deserialization_module", "dtlpipe.graph.serialization.allowlist.import_class_by_name"),
        *("dtlpipe.graph.serialization.allowlist._added.append", "dtlpipe.graph.serialization.allowlist._trust.set"),
        *("dtlpipe.graph.plugins.load", "dtlpipe.graph.plugins.import_module", "dtlpipe.graph.graph.Graph"),
        *("typing.sys.exit", "collections._sys.modules.pop", "typing.get_type_hints.__globals__"),
        *("os.system", "system", "no_such_module_here.thing", "collections.no_such_thing", "typing.Any.nothing"),
        *("dtlpipe.no_such_module.x", "collections.abc.__name__.upper"),
    ],
)
def test_functions_that_reach_further_are_refused(name):
    with pytest.raises(DeserializationError, match=name.partition(".")[0]):
        import_function_by_name(name)


def test_what_an_allowed_module_has_imported_cannot_be_called_either(shop):
    with deserialization_context(["shop_outside"]):
        for name in ("os.system", "os.path.join", "Popen", "environ.update", "logger.info", "sell_method", "number"):
            with pytest.raises(DeserializationError):
                import_function_by_name(f"{shop}.{name}")


def test_what_decides_about_trust_carries_haystacks_mark_so_that_its_resolver_refuses_it_too():
    for function in (allow_deserialization_module, import_class_by_name, import_function_by_name):
        assert function._haystack_deserialization_internal is True


def test_the_package_exports_the_switch():
    assert dtlpipe.graph.allow_deserialization_module is allowlist.allow_deserialization_module
