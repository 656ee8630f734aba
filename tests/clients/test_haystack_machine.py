"""The machine against the original on random graphs; `against_haystack.py` does the same on thousands by command."""

from __future__ import annotations

import pytest

pytest.importorskip("haystack")

from tests.unit.graph import against_haystack


@pytest.mark.parametrize("first", [0, 1_000_000], ids=["usual", "dense"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_random_graphs_run_in_the_same_order_with_the_same_inputs_and_outputs(first, is_async):
    assert against_haystack.main(first, 120, is_async=is_async) == 0
