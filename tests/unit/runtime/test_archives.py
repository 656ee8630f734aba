"""Archives: what is no package is refused with what is wrong with it, and files may not be reached outside of it."""

from __future__ import annotations

import base64
import io
import sys
import zipfile

import pytest

from dtlpipe.runtime import archives


@pytest.fixture
def entered(tmp_path, monkeypatch):
    """Enters an archive of these files; what it leaves behind goes with the test."""
    monkeypatch.setattr(archives, "_WORK", tmp_path.name)
    (tmp_path / "job").mkdir()
    monkeypatch.chdir(tmp_path / "job")
    before, finders = set(sys.modules), list(sys.meta_path)

    def enter(digest, entry_point="main.py", archive=None, **files):
        if archive is None:
            stream = io.BytesIO()
            with zipfile.ZipFile(stream, "w") as file:
                for name, text in files.items():
                    file.writestr(name.replace("__", "/") + ".py", text)
            archive = base64.b64encode(stream.getvalue()).decode()
        return archives.entry(digest, entry_point, archive)

    yield enter
    for name in set(sys.modules) - before:
        del sys.modules[name]
    sys.meta_path[:] = finders


def test_what_the_entry_module_defines_is_there(entered):
    assert entered("a" * 64, main="import helper\nX = helper.Y\n", helper="Y = 3\n")["X"] == 3


def test_archives_do_not_see_each_others_modules(entered):
    first = entered("a" * 64, main="def f():\n    import helper\n    return helper.Y\n", helper="Y = 1\n")
    second = entered("b" * 64, main="def f():\n    import helper\n    return helper.Y\n", helper="Y = 2\n")
    assert (first["f"](), second["f"]()) == (1, 2)
    assert "helper" not in sys.modules


def test_a_file_may_have_the_name_of_a_module_of_the_library(entered):
    main = "import colorsys, json\nX = colorsys.Y, json.loads('1')\n"
    found = entered("a" * 64, main=main, colorsys="Y = 1\n")
    assert found["X"] == (1, 1)


def test_folders_are_packages_with_imports_of_either_kind(entered):
    found = entered(
        "a" * 64,
        main="from pkg import deep\nfrom pkg.deep import Z\nX = deep.Z + Z\n",
        pkg____init__="",
        pkg__deep="from . import side\nfrom helper import Y\nZ = side.W + Y\n",
        pkg__side="W = 10\n",
        helper="Y = 1\n",
    )
    assert found["X"] == 22


@pytest.mark.parametrize("entry_point", ["/etc/passwd.py", "../main.py", "main.txt"])
def test_an_entry_point_outside_of_the_package_is_refused(entered, entry_point):
    with pytest.raises(ImportError, match="no Python file within the package"):
        entered("a" * 64, entry_point, main="")


def test_an_entry_point_that_is_not_there_is_told_with_what_is(entered):
    with pytest.raises(ImportError, match=r"no file 'other.py'; at its root there is: main.py"):
        entered("a" * 64, "other.py", main="")


def test_what_a_file_of_it_lacks_is_told_as_it_is(entered):
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        entered("a" * 64, main="import no_such_library\n")


def test_what_is_no_zip_is_refused(entered):
    with pytest.raises(ImportError, match="no zip archive"):
        entered("a" * 64, archive=base64.b64encode(b"no zip").decode())
