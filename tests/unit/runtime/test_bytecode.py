"""The compiled methods of attrs' classes are kept for the next process, and are what they would have been."""

from __future__ import annotations

import builtins
import subprocess
import sys

import pytest

from dtlpipe.runtime.bytecode import Kept

SOURCE = "def __init__(self, x):\n    self.x = x\n"


def ran(code) -> object:
    found: dict[str, object] = {}
    exec(code, found)
    return found["__init__"]


@pytest.fixture
def compiled(monkeypatch):
    """What was compiled for real."""
    seen: list[str] = []
    real = builtins.compile

    def counted(source, filename, mode, *more, **options):
        if filename.startswith("<attrs"):
            seen.append(filename)
        return real(source, filename, mode, *more, **options)

    monkeypatch.setattr(builtins, "compile", counted)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return seen


def test_what_one_process_compiled_the_next_one_need_not(tmp_path, compiled):
    first = Kept(tmp_path / "pycache" / "kept")
    made = ran(first.compile(SOURCE, "<attrs generated init a.B>", "exec"))
    first.save()
    again = ran(Kept(tmp_path / "pycache" / "kept").compile(SOURCE, "<attrs generated init a.B>", "exec"))
    assert compiled == ["<attrs generated init a.B>"]
    assert again.__code__ == made.__code__


def test_other_source_of_the_same_class_is_compiled(tmp_path, compiled):
    for source in (SOURCE, SOURCE.replace("self.x = x", "self.x = x + 1")):
        kept = Kept(tmp_path / "kept")
        ran(kept.compile(source, "<attrs generated init a.B>", "exec"))
        kept.save()
    assert len(compiled) == 2


@pytest.mark.parametrize("content", [b"", b"\0" * 40, b"\xa7\r\r\n", b"\xa7\r\r\nnonsense"])
def test_a_file_that_cannot_be_read_is_as_none(tmp_path, compiled, content):
    (tmp_path / "kept").write_bytes(content)
    kept = Kept(tmp_path / "kept")
    ran(kept.compile(SOURCE, "<attrs generated init a.B>", "exec"))
    kept.save()
    Kept(tmp_path / "kept").compile(SOURCE, "<attrs generated init a.B>", "exec")
    assert len(compiled) == 1


def test_nothing_is_written_where_bytecode_is_not(tmp_path, compiled, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    kept = Kept(tmp_path / "kept")
    kept.compile(SOURCE, "<attrs generated init a.B>", "exec")
    kept.save()
    assert not list(tmp_path.iterdir())


def test_a_command_makes_its_classes_of_what_the_last_one_kept(tmp_path):
    code = """
import builtins, sys
seen, real = [], builtins.compile
def counted(source, filename, *more, **options):
    seen.append(str(filename))
    return real(source, filename, *more, **options)
builtins.compile = counted
from dtlpipe.cli import main
from dtlpipe.runtime import bytecode
sys.dont_write_bytecode = False
folder = sys.argv[1]
bytecode.cache_from_source = lambda _: folder
sys.argv = ["dtlpipe", "runs", "list", "--url", "http://127.0.0.1:9"]
try:
    main()
except SystemExit as end:
    print(end.code, sum("attrs generated init dtlpipe" in each for each in seen))
"""
    command = [sys.executable, "-c", code, str(tmp_path / "x.pyc")]
    told = [subprocess.run(command, check=False, capture_output=True, text=True) for _ in range(2)]
    (status, compiled), (again, left) = (each.stdout.split() for each in told)
    assert status == again == "4"
    assert int(compiled) > 10
    assert left == "0"
    kept = tmp_path / f"attrs.{sys.implementation.cache_tag}.kept"
    was = kept.stat().st_ino
    subprocess.run(command, check=False, capture_output=True)
    assert kept.stat().st_ino == was, "where nothing is new, nothing is written"
