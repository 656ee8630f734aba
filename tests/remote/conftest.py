"""Platforms and workers that tests of a module share."""

from __future__ import annotations

import pytest

from tests.remote.stage import Machine, at_desk


@pytest.fixture
def make_machine(tmp_path):
    made = []

    def make(url, *options):
        made.append(Machine(url, tmp_path / f"machine{len(made)}", *options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="module")
def desk():
    """A platform that runs nothing itself; shared by a module."""
    with at_desk() as found:
        yield found
