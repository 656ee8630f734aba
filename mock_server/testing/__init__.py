"""A platform inside a test or a script: `with LocalPlatform() as platform:`.

It is the whole thing (store on disk, HTTP on a port of its own, node code in its own processes), ready in a moment.
With no folder given, its data lives in a temporary one and goes with it. Tests can move its time (`clock`), have it
fail (`faults`), know its ids in advance (`seed_ids`), and share it without seeing each other (`namespace`).

Law: what tests need of a platform is here and nowhere below; a platform that is no test's pays nothing for it.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from dtlpipe.errors import Unavailable
from mock_server.config import Settings
from mock_server.local import Local
from mock_server.store import ids
from mock_server.testing.clock import CLOCK, Clock
from mock_server.testing.namespaces import Namespaces

if TYPE_CHECKING:
    from dtlpipe.client import AsyncClient, Client
    from mock_server.platform.faults import Faults
    from mock_server.platform.platform import Platform
    from mock_server.platform.snapshots import Snapshots
    from mock_server.store.base import Store
    from mock_server.worker import Worker


class LocalPlatform:
    """A platform in this process.

    Args:
        data_dir: its folder; without one, a temporary folder that is removed at the end.
        port: 0 takes a free one, and keeps it over `restart`.
        seed: ids follow from it (see `seed_ids`); without one, from time and chance.
        settings: any of `mock_server.config.Settings`. Faults on purpose are allowed, unless they are not to be.

    Raises ConfigurationError for settings that do not work, from `start` also for a folder or port that is taken.
    """

    def __init__(
        self, data_dir: str | Path | None = None, port: int = 0, *, seed: str | int | None = None, **settings: Any
    ) -> None:
        self._remove: Callable[[], object] | None = None
        if data_dir is None:
            data_dir = tempfile.mkdtemp(prefix="dtlpipe-platform-")
            self._remove = weakref.finalize(self, shutil.rmtree, data_dir, ignore_errors=True)
            settings.setdefault("durability", "relaxed")  # what is thrown away need not survive a power cut
        settings.setdefault("faults", True)
        self.settings = Settings(data_dir=Path(data_dir), port=port, **settings)
        self._local = Local(self.settings, self._make_worker)
        self._worker: Worker | None = None
        self._driven: Platform | None = None
        self._namespaces: Namespaces | None = None
        self._seed, self._is_seeded = seed, False

    def start(self) -> Self:
        """Returns when requests are answered; does nothing if it runs."""
        self._local.start()
        if self._worker is not None and self._namespaces is None:
            self._namespaces = Namespaces(self.platform, self._worker)
        if self._seed is not None and not self._is_seeded:
            self.seed_ids(self._seed)
        return self

    def stop(self) -> None:
        """Ends it and keeps its data. Work in flight goes on at the next start."""
        if self._driven is not None:  # also after a start that failed
            CLOCK.leave(self._driven)
            self._driven = self._worker = self._namespaces = None
        self._local.stop()

    def _make_worker(self, platform: Platform) -> Worker:
        from mock_server.worker import Worker

        self._worker = worker = Worker(platform, clock=CLOCK)
        self._driven = platform
        CLOCK.drive(platform, worker)
        return worker

    def restart(self) -> Self:
        """Stops and starts it, on the same port."""
        self.stop()
        return self.start()

    def close(self) -> None:
        """Ends it; a temporary folder goes with it."""
        self.stop()
        if self._is_seeded:
            self.seed_ids(None)
        if self._remove is not None:
            self._remove()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def data_dir(self) -> Path:
        return self.settings.data_dir

    @property
    def url(self) -> str:
        """Where it is: `http://127.0.0.1:<port>`."""
        return self._local.url

    @property
    def api_url(self) -> str:
        """Where its REST API is: `http://127.0.0.1:<port>/api/v1`."""
        return f"{self.url}/api/v1"

    @property
    def run_service_url(self) -> str:
        """Where the run service is: the `base_url` of its client."""
        return self._local.run_service_url

    @property
    def platform(self) -> Platform:
        """Its verbs, without HTTP."""
        return self._local.platform

    @property
    def store(self) -> Store:
        """Where its state lives."""
        return self.platform.store

    @property
    def clock(self) -> Clock:
        """Its time, which can be moved: see `mock_server.testing.clock`."""
        return CLOCK

    @property
    def faults(self) -> Faults:
        """Faults on purpose: `faults.add(route="POST */execute", nth=1, status=503)`."""
        return self.platform.faults

    @property
    def snapshots(self) -> Snapshots:
        """All that there is, kept: `snapshots.save("name")`, `.load("name")`, `.diff("name")`."""
        from mock_server.platform.snapshots import Snapshots

        return Snapshots(self.platform)

    def seed(self, plan: str | Path) -> dict[str, int]:
        """What a plan says (a YAML file, or the text of one): projects, data, pipelines and runs that took place.

        Triggers hear nothing of it. Returns how many there were of each. Raises BadRequest with the line that is wrong.
        """
        from dtlpipe.moving.plans import Plan
        from dtlpipe.moving.sowing import sow

        is_text = isinstance(plan, str) and "\n" in plan
        with self.client() as client:
            return dict(sow(client, Plan.parse(str(plan)) if is_text else Plan.read(plan)))

    def seed_ids(self, seed: str | int | None) -> None:
        """From now on all ids that are made in this process follow from the seed, in the order in which they are made.

        None: from time and chance, as ever. The ids of a seed that was used before come again, so what they name must
        be gone: in tests, that is what a namespace is for.
        """
        ids.seed(seed)
        self._is_seeded = seed is not None

    @property
    def namespaces(self) -> Namespaces:
        """What the tests that share it have made. Raises Unavailable unless it runs here, and leads."""
        if self._namespaces is None:
            raise Unavailable("this platform is not running", hint="start() it first")
        return self._namespaces

    @contextmanager
    def namespace(self) -> Iterator[Self]:
        """What is made within it is gone at its end, with the faults that were set; the time is the machine's again."""
        self.namespaces.begin()
        try:
            yield self
        finally:
            self.faults.clear()
            self.clock.reset()
            self.namespaces.end()

    def token(self, email: str | None = None, **options: Any) -> str:
        """A token for the e-mail (default: the local user); options as `Tokens.issue` takes them."""
        return self.platform.tokens.issue(email, **options)

    def environment(self) -> dict[str, str]:
        """Variables that point a process at it, whether it uses dtlpipe or the field's own SDK."""
        return self._local.environment()

    def client(self, **options: Any) -> Client:
        """A client of it; options as `dtlpipe.Client` takes them. Close it, or use it in a `with`."""
        from dtlpipe.client import Client

        return Client(**{"url": self.url, **options})

    def async_client(self, **options: Any) -> AsyncClient:
        """An asynchronous client of it."""
        from dtlpipe.client import AsyncClient

        return AsyncClient(**{"url": self.url, **options})
