"""What every store must do, as tests: a subclass of `StoreConformance` says how its store is opened, and inherits them.

It ships with the package, so that whoever writes another store can hold it to the same law.
"""

from __future__ import annotations

from mock_server.store.conformance.changes import ChangeConformance
from mock_server.store.conformance.documents import DocumentConformance
from mock_server.store.conformance.large import LargeConformance
from mock_server.store.conformance.queries import QueryConformance
from mock_server.store.conformance.rows import RowConformance
from mock_server.store.conformance.watching import WatchConformance


class StoreConformance(
    DocumentConformance, ChangeConformance, RowConformance, LargeConformance, QueryConformance, WatchConformance
):
    """All of it. Subclass it as `Test...`, and give `open_store`."""
