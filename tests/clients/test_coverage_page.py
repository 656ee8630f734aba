"""The page that tells what of the field's SDK is served: as that SDK is, as the notes are, and of tests that exist."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "coverage.md").read_text()
NOTES = json.loads(Path(__file__).with_name("dtlpy_coverage.json").read_text())
STATES = ("works", "partly", "not", "client", "not shown")


def rows():
    """`(class.method, state, why)` of each row."""
    found = []
    for section in PAGE.split("\n## ")[1:]:
        name = section.partition("\n")[0]
        found += [
            (f"{name}.{method}", state, why)
            for method, state, why in re.findall(r"\| `(\w+)` \| (.*?) \| (.*?) \|", section)
        ]
    return found


@pytest.mark.sdks("dtlpy")
def test_the_page_has_each_method_of_the_sdk_that_is_installed(dl):
    from tests.clients.dtlpy_methods import repositories

    methods = {f"{cls.__name__}.{name}" for cls, names in repositories() for name in names}
    assert methods == {method for method, _, _ in rows()}, "run tools/coverage_page.py again"
    assert f"dtlpy {dl.__version__}" in PAGE


def test_what_is_said_to_work_is_shown_by_a_test_that_exists():
    tests = "\n".join(path.read_text() for path in (ROOT / "tests" / "clients").rglob("test_*.py"))
    for method, state, why in rows():
        assert state in STATES, method
        if state in ("works", "partly"):
            (name,) = re.findall(r"`(test_\w+)`", why)
            assert f"def {name}(" in tests, (
                f"{method} is shown by {name}, which is gone: run tools/coverage_page.py again"
            )


def test_what_the_notes_say_is_on_the_page_and_of_methods_that_there_are():
    by_method = {method: (state, why) for method, state, why in rows()}
    for state in ("partly", "not", "client"):
        for method, why in NOTES[state].items():
            assert method in by_method, f"{method} is no method of the SDK"
            assert why in by_method[method][1] or by_method[method][0] == "works", f"{method}: run the tool again"


def test_the_numbers_on_the_page_are_those_of_its_rows():
    counts = Counter(state for _, state, _ in rows())
    assert f"Of {sum(counts.values())} methods" in PAGE
    for state in STATES:
        assert f"{counts[state]} {state}" in PAGE
