"""Large values: kept beside the rows, found as if they were in them, swept when nobody names them any more."""
# ruff: noqa: S101 - these are tests

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, cast

import pytest

from mock_server.store import clearing
from mock_server.store.base import RunRow, Store, StoreError, Tx
from mock_server.store.codec import LIMIT
from mock_server.store.conformance.subjects import Suite, a_run, an_execution
from mock_server.store.sql import SqlStore

TEXT = "large, and with what JSON has to escape: \0 \u00e9 \ud800 " + "x" * LIMIT
VALUES: list[Any] = [
    {"a": TEXT, "b": 1, "c": None},
    {"a": {"within": [TEXT] * 2}, "b": TEXT, "@": "small"},
    {f"k{number}": "y" * 100 for number in range(200)},
    [TEXT, 10**40],
    TEXT,
    "@" + TEXT,
    {"blobs": TEXT, "of": "small"},
]


def kept(store: Store) -> set[str]:
    """The blobs there are."""
    return set(store.blobs)


def in_rows(store: Store) -> int:
    """Characters that the rows of work take at most for one value."""
    select = "SELECT max(length({0})) FROM {1}"
    with cast("SqlStore", store)._reads() as reads:  # noqa: SLF001 - what is beneath the contract
        columns = (("input", "execution"), ("output", "execution"), ("inputs", "run"))
        return max(reads.db.raw.execute(select.format(*each)).fetchone()[0] or 0 for each in columns)


def _insert(run: RunRow, tx: Tx) -> None:
    tx.insert_runs([run])


def _delete(run_id: str, tx: Tx) -> None:
    tx.delete_run(run_id)


class LargeConformance(Suite):
    """Large values."""

    @pytest.mark.parametrize("value", VALUES)
    def test_a_large_value_comes_back_equal_and_takes_no_room_in_its_row(self, store: Store, value: Any) -> None:
        given = value if isinstance(value, dict) else {"x": value}
        run = a_run(inputs=given)
        new, old = an_execution(run_id=run.id, input=given), an_execution(run_id=run.id)

        def intent(tx: Tx) -> None:
            tx.insert_runs([run])
            tx.insert_executions([old])
            tx.add_execution(new)
            tx.set_execution(new.id, output=value)
            assert tx.update_execution(old.id, output=value, input=given)
            assert [row.output for row in tx.executions_of([run.id])[run.id]] == [value] * 2

        store.write(intent)
        assert store.get_run(run.id) == run
        assert store.find_runs()[0] == [run]
        for row in (*store.executions_of([run.id])[run.id], *store.open_executions(), *store.find_executions()[0]):
            assert (row.input, row.output) == (given, value)
        assert in_rows(store) <= LIMIT
        assert {blob for _, _, blob in store.inspection.blob_names()} == kept(store)

    def test_what_one_node_gives_and_the_next_one_takes_is_kept_once(self, store: Store) -> None:
        first = an_execution(run_id="r", output={"out": TEXT, "n": 1})
        second = an_execution(run_id="r", input={"x": TEXT})
        store.write(lambda tx: tx.insert_executions([first, second]))
        assert len(kept(store)) == 1

    def test_a_blob_goes_with_the_last_row_that_names_it_and_not_before(self, store: Store) -> None:
        runs = [a_run(inputs={"x": TEXT}, status="success"), a_run(status="success")]
        of_second = an_execution(run_id=runs[1].id, output={"y": TEXT}, status="success")

        def intent(tx: Tx) -> None:
            tx.insert_runs(runs)
            tx.add_execution(of_second)

        store.write(intent)
        (blob,) = kept(store)
        assert store.inspection.names(blob)
        store.write(lambda tx: tx.delete_run(runs[0].id))
        assert store.inspection.names(blob)
        store.write(lambda tx: tx.delete_run(runs[1].id))
        assert not store.inspection.names(blob)
        assert list(store.inspection.blob_names()) == []

    def test_what_is_cleared_away_names_no_blob_any_more(self, store: Store) -> None:
        before = store.write(clearing.rows_of)
        run = a_run(inputs={"x": TEXT})
        store.write(lambda tx: tx.insert_runs([run]))
        store.write(lambda tx: tx.add_execution(an_execution(output=TEXT)))
        assert list(store.inspection.blob_names())
        store.write(lambda tx: clearing.clear(tx, before))
        assert list(store.inspection.blob_names()) == []

    def test_a_value_that_is_put_again_is_spared_by_a_sweep_that_is_under_way(self, store: Store) -> None:
        store.write(lambda tx: tx.insert_executions([an_execution(output=TEXT)]))
        (blob,) = kept(store)
        path = store.blobs.path(blob)
        long_ago = time.time() - 86400
        os.utime(path, (long_ago, long_ago))
        store.write(lambda tx: tx.insert_executions([an_execution(output=TEXT)]))
        assert store.blobs.sweep(keep=()) == 0
        assert path.exists()

    def test_a_blob_whose_row_is_not_committed_yet_is_spared_whatever_the_clock_says(self, store: Store) -> None:
        run = a_run(inputs={"x": TEXT})

        def intent(tx: Tx) -> int:
            tx.insert_runs([run])
            return store.blobs.sweep(keep=(), older_than=-3600.0)

        assert store.write(intent) == 0
        assert store.get_run(run.id) == run
        store.write(lambda tx: tx.delete_run(run.id))
        assert store.blobs.sweep(keep=(), older_than=-3600.0) == 1

    def test_sweeps_that_race_with_writers_take_nothing_that_a_row_names(self, store: Store) -> None:
        stop, swept = Event(), [0]
        texts = [f"{number}{TEXT}" for number in range(3)]

        class Named:
            def __contains__(self, name: object) -> bool:
                return store.inspection.names(str(name))

        def sweep() -> None:
            while not stop.is_set():
                swept[0] += store.blobs.sweep(Named(), older_than=-3600.0)

        def write(number: int) -> None:
            for turn in range(8):
                run = a_run(inputs={"x": texts[(number + turn) % len(texts)]})
                store.write(partial(_insert, run))
                assert store.get_run(run.id) == run
                store.write(partial(_delete, run.id))

        with ThreadPoolExecutor(5) as pool:
            sweeping = pool.submit(sweep)
            writing = [pool.submit(write, number) for number in range(4)]
            try:
                for each in writing:
                    each.result(60)
            finally:
                stop.set()
            sweeping.result(60)
        assert swept[0] + store.blobs.sweep(keep=(), older_than=-3600.0) >= len(texts)

    def test_a_batch_that_is_lost_leaves_a_blob_and_no_row_and_the_next_one_finds_it(self, tmp_path: Path) -> None:
        passed: list[str] = []
        armed = [False]

        def probe(point: str) -> None:
            passed.append(point)
            if armed[0] and point == "before commit":
                armed[0] = False
                raise OSError("killed on purpose")

        store = self.open_store(tmp_path / "data", probe=probe)
        try:
            row = an_execution(output={"x": TEXT})
            passed.clear()
            armed[0] = True
            with pytest.raises(StoreError):
                store.write(lambda tx: tx.add_execution(row))
            assert passed.index("after rename") < passed.index("before commit")
            assert store.get_execution(row.id) is None
            assert len(kept(store)) == 1
            store.write(lambda tx: tx.add_execution(row))
            assert store.get_execution(row.id) == row
            assert len(kept(store)) == 1
        finally:
            store.close()

    @pytest.mark.parametrize("point", ["before blob", "before rename"])
    def test_a_row_is_not_written_when_its_blob_is_not(self, tmp_path: Path, point: str) -> None:
        def probe(at: str) -> None:
            if at == point:
                raise OSError("no such luck")

        store = self.open_store(tmp_path / "data", probe=probe)
        try:
            row = an_execution(output={"x": TEXT})
            with pytest.raises(StoreError, match="no such luck"):
                store.write(lambda tx: tx.add_execution(row))
            assert store.get_execution(row.id) is None
            assert kept(store) == set()
            store.write(lambda tx: tx.add_execution(an_execution(id=row.id, output={"x": "small"})))
        finally:
            store.close()

    def test_a_file_that_is_lost_is_told_of_by_its_name(self, store: Store) -> None:
        row = an_execution(output=TEXT)
        store.write(lambda tx: tx.add_execution(row))
        (blob,) = kept(store)
        store.blobs.path(blob).unlink()
        with pytest.raises(StoreError, match=blob):
            store.get_execution(row.id)

    def test_values_of_just_that_size_stay_in_their_rows(self, store: Store) -> None:
        most = "x" * (LIMIT - len(json.dumps({"x": ""}, separators=(",", ":"))))
        store.write(lambda tx: tx.add_execution(an_execution(input={"x": most})))
        assert kept(store) == set()
        store.write(lambda tx: tx.add_execution(an_execution(input={"x": most + "x"})))
        assert len(kept(store)) == 1
