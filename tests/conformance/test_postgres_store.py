"""The conformance suite, held against PostgreSQL."""

from __future__ import annotations

import hashlib

import pytest

from mock_server.store.conformance import StoreConformance
from mock_server.store.sql import SqlStore


class TestPostgresStore(StoreConformance):
    @pytest.fixture(autouse=True)
    def _databases(self, postgres_server):
        self._server, self._names = postgres_server, set()
        yield
        for name in self._names:
            postgres_server.execute(f"DROP SCHEMA {name} CASCADE")

    def open_store(self, place, *, probe=None):
        """A place is a schema, found again when it is opened again."""
        name = "t" + hashlib.sha1(str(place).encode()).hexdigest()
        self._names.add(name)
        return SqlStore.open(place, self._server.schema(name), probe=probe)
