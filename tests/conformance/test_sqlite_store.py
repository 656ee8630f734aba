"""The conformance suite, held against SQLite."""

from pathlib import Path

from mock_server.store.conformance import StoreConformance
from mock_server.store.sql import SqlStore


class TestSqliteStore(StoreConformance):
    def open_store(self, place: Path, *, probe=None):
        return SqlStore.open(place, probe=probe)
