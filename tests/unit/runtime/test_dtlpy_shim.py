"""`import dtlpy as dl` in node code, with the real dtlpy and without it."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

HIDE_REAL = """
import importlib.machinery
found = importlib.machinery.PathFinder.find_spec
hidden = lambda name, *rest: None if name.split(".")[0] == "dtlpy" else found(name, *rest)
importlib.machinery.PathFinder.find_spec = hidden
"""
SHIM = "from dtlpipe.runtime import dtlpy_shim; dtlpy_shim.install()\n"


def run(code, *, real):
    """What `code` prints in a fresh interpreter with the shim in place."""
    script = ("" if real else HIDE_REAL) + SHIM + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("real", [True, False])
def test_what_dtlpipe_has_is_dtlpipes_and_costs_no_import_of_dtlpy(real):
    code = """
        import sys
        import dtlpy as dl
        import dtlpipe

        assert issubclass(dl.BaseServiceRunner, object)
        for name in ("BaseServiceRunner", "Progress", "Context", "Item", "Filters", "PackageInputType"):
            assert getattr(dl, name) is getattr(dtlpipe, name), name
        from dtlpy import Item
        assert Item is dtlpipe.Item
        assert dl.exceptions is dtlpipe.exceptions
        assert "dtlpy.entities" not in sys.modules
        print("fine")
    """
    assert run(code, real=real) == ["fine"]


def test_what_only_dtlpy_has_is_dtlpys():
    code = """
        import sys
        import dtlpy as dl
        import dtlpipe

        print(dl.Box.__module__)
        from dtlpy import PromptItem
        print(PromptItem.__module__)
        assert dl.Item is dtlpipe.Item, "loading the real one changes no name that was there"
        assert sys.modules["dtlpy"] is dl
    """
    assert run(code, real=True) == ["dtlpy.entities.annotation_definitions.box", "dtlpy.entities.prompt_item"]


@pytest.mark.slow
def test_modules_of_dtlpy_are_the_real_ones_and_run_once():
    code = """
        import dtlpy as dl
        from dtlpy.entities import annotation
        import dtlpy.entities.annotation_definitions.box as box
        import dtlpy.repositories

        assert dl.Box is box.Box, "the module was not run twice"
        assert box.__spec__.loader is not None
        assert type(box.__spec__.loader).__name__ == "SourceFileLoader"
        print(annotation.__name__, dtlpy.repositories.Items.__module__)
    """
    assert run(code, real=True) == ["dtlpy.entities.annotation", "dtlpy.repositories.items"]


@pytest.mark.slow
def test_dtlpys_own_late_imports_see_the_real_dtlpy():
    code = """
        import dtlpy as dl
        import dtlpipe

        dl.Box
        from dtlpy.utilities.base_package_runner import Context
        sdk = Context().sdk
        assert dl.Item is dtlpipe.Item
        import dtlpy.utilities.base_package_runner as module
        exec("import dtlpy\\nitem_class = dtlpy.Item", module.__dict__)
        print(module.item_class.__module__)
    """
    assert run(code, real=True) == ["dtlpy.entities.item"]


def test_without_dtlpy_a_missing_name_says_what_to_do():
    code = """
        import dtlpy as dl
        try:
            dl.Box
        except AttributeError as error:
            assert "no dl.Box" in str(error) and "Install dtlpy" in str(error), error
        try:
            import dtlpy.entities.annotation
        except ModuleNotFoundError as error:
            assert "dtlpy.entities" in str(error) and "Install dtlpy" in str(error), error
        assert not hasattr(dl, "__wrapped__")
        print("fine")
    """
    assert run(code, real=False) == ["fine"]


@pytest.mark.slow
def test_a_name_that_nobody_has_is_refused_with_dtlpy_too():
    code = """
        import dtlpy as dl
        try:
            dl.NoSuchThing
        except AttributeError as error:
            print(str(error).startswith("Neither dtlpipe nor the installed dtlpy has dl.NoSuchThing"))
    """
    assert run(code, real=True) == ["True"]


@pytest.mark.slow
def test_an_import_of_a_submodule_does_not_hide_what_the_package_has_under_its_name():
    code = """
        import dtlpy as dl
        import dtlpy.services.api_client
        import dtlpipe

        assert type(dl.services) is type(dtlpipe.services)
        dl.patched = 5
        assert dl.patched == 5
        print(dtlpy.services.__class__.__name__)
    """
    assert run(code, real=True) == ["Services"]


@pytest.mark.parametrize("real", [True, False])
def test_exceptions_are_dtlpipes_so_that_what_is_raised_is_caught(real):
    code = f"""
        if {real}:
            import dtlpy
            dtlpy.Box
        import dtlpipe.exceptions
        from dtlpy import exceptions
        import dtlpy.exceptions
        assert dtlpy.exceptions is exceptions is dtlpipe.exceptions
        assert dtlpipe.exceptions.__spec__.name == "dtlpipe.exceptions"
        print("fine")
    """
    assert run(code, real=real) == ["fine"]
