"""The client: one platform, one identity, and the collections of verbs that speak to it.

`Client` returns results, `AsyncClient` awaitables; both are made of the same resources.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Generic

from dtlpipe.sansio.operation import Async, Colour, Session, Sync

if TYPE_CHECKING:
    from dtlpipe.resources.datasets import Datasets
    from dtlpipe.resources.items import Items
    from dtlpipe.resources.projects import Projects


class _Client(Generic[Colour]):
    """What both colours have: `client.session` binds entities (`Item.from_wire(data, session=client.session)`)."""

    session: Session[Colour]

    @cached_property
    def projects(self) -> Projects[Colour]:
        """All projects."""
        from dtlpipe.resources.projects import Projects

        return Projects(session=self.session)

    @cached_property
    def datasets(self) -> Datasets[Colour]:
        """All datasets."""
        from dtlpipe.resources.datasets import Datasets

        return Datasets(session=self.session)

    @cached_property
    def items(self) -> Items[Colour]:
        """Items by id; to list or upload, go through a dataset: `dataset.items`."""
        from dtlpipe.resources.items import Items

        return Items(session=self.session)


class Client(_Client[Sync]):
    """A client whose verbs return their result."""


class AsyncClient(_Client[Async]):
    """A client whose verbs return an awaitable of their result."""
