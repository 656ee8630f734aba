"""Deployments: taken in with rollback, kept in the store, each served by a host that is restarted when it dies.

Law: what the store says is what is served. A deployment replaces another one only once it has loaded; until then, and
if it never does, the other one goes on. Loading needs nobody to wait: a call of one that is still loading waits itself.

Longer than 400 lines because taking in, replacing and calling all go by what is served, under its one lock.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from dtlpipe.errors import ConfigurationError, Conflict, NotFound, PlatformException, Unavailable
from mock_server.executors.host_pool import HostPool
from mock_server.executors.hosts import Event, Host, HostBusy, HostFailed, HostGone, HostSpec
from mock_server.platform.documents import now
from mock_server.platform.serving import sources
from mock_server.platform.serving.calls import Call, Places
from mock_server.platform.serving.served import Deployment, LoadRefused, Retired, shown
from mock_server.platform.serving.traces import Traces
from mock_server.store.base import Document, Kind
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

log = logging.getLogger("dtlpipe.serving")

Answer = TypeVar("Answer")

FOLDER: Final = "deployments"
_LOAD: Final = 300.0
"""Seconds that a wrapper has to load."""
_DRAIN: Final = 10.0
"""Seconds that calls in flight have when their deployment is replaced or undeployed."""
_AGAIN: Final = 1.0
"""Seconds before a host that died while loading is tried again."""
_PATIENT: Final = 16
"""Requests that may wait at once for wrappers that are still loading: more would leave none for what is loaded."""


class Deployments:
    """All that is served. `begin` makes it ready; until then it serves nothing."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._lock = threading.Lock()
        self._served: dict[str, Deployment] = {}
        self._pool: HostPool | None = None
        self._pool_lock = threading.Lock()
        self._make_pool: Callable[[], HostPool] | None = None
        self._failed: dict[str, dict[str, Any]] = {}
        self._paths: tuple[str, ...] = ()
        self._warming: ThreadPoolExecutor | None = None
        self._closed = False
        self._patient = threading.BoundedSemaphore(_PATIENT)
        self.streams = Places(platform.settings.max_streams)
        self.traces = Traces()
        self.changed = 0

    # --- beginning and ending -----------------------------------------------------------------------------------------

    def begin(self, make_pool: Callable[[], HostPool]) -> None:
        """Serve what the store has, and what lies in the pipelines' folder. Returns before wrappers are loaded."""
        self._make_pool = make_pool
        settings = self._platform.settings
        self._paths = tuple(str(path) for path in settings.python_path)
        for document in self._kept():
            self._served[document["name"]] = _unpacked(document)
        if settings.pipelines_dir is not None:
            self._paths = (str(settings.pipelines_dir), *self._paths)
            self._take_in(settings.pipelines_dir)
        self._warm_up(list(self._served.values()))

    def read_again(self) -> None:
        """Serve what the store has by now, all of which was replaced. Calls that are under way come to their end."""
        found = {document["name"]: document for document in self._kept()}
        with self._lock:
            gone = [
                each
                for name, each in self._served.items()
                if found.get(name, {}).get("revision") != each.document["revision"]
            ]
            for each in gone:
                del self._served[each.name]
            new = {name: _unpacked(document) for name, document in found.items() if name not in self._served}
            self._served |= new
            self._failed.clear()
            self.changed += 1
        for each in gone:
            self._retire(each)
        self._warm_up(list(new.values()))

    def _kept(self) -> list[Document]:
        """The documents of what is to be served, with their files; those that were meant for one life are dropped."""
        found = []
        for document in list(self._platform.store.iterate(Kind.DEPLOYMENT, private=True)):
            if document.get("transient"):
                self._forget(document["id"])
            else:
                found.append(document)
        return found

    def _warm_up(self, deployments: Sequence[Deployment]) -> None:
        if deployments and self._warming is None:
            self._warming = ThreadPoolExecutor(4, thread_name_prefix="dtlpipe-warming")
        for each in deployments:
            cast("ThreadPoolExecutor", self._warming).submit(self._warm, each)

    def _forget(self, id: str) -> None:
        self._platform.store.write(lambda tx: tx.delete(Kind.DEPLOYMENT, id))

    def _take_in(self, directory: Path) -> None:
        """Deploy what a user's directory has, unless it is what was undeployed. Raises ConfigurationError."""
        if not directory.is_dir():
            raise ConfigurationError(f"there is no folder {directory} to serve pipelines from")
        for name, found in sources.in_directory(directory).items():
            try:
                if isinstance(found, Exception):
                    raise found
                sources.checked_name(name)
                mark = sources.fingerprint(found)
                known = self._served.get(name)
                if known is not None and known.document.get("fingerprint") == mark:
                    continue
                undeployed = self._platform.store.get(Kind.SETTING, _undeployed_key(name))
                if undeployed is not None and undeployed.get("fingerprint") == mark:
                    log.info("%s was undeployed and has not changed since; it is not served", name)
                    continue
                document = self._document(name, found, source="folder", before=known)
                self._store(document, found)
                self._served[name] = Deployment(document, found)
            except (OSError, PlatformException) as error:
                log.warning("%s in %s cannot be served: %s", name, directory, error)
                self._failed[name] = {"message": str(getattr(error, "message", error)), "file": None, "line": None}

    def _warm(self, deployment: Deployment) -> None:
        try:
            self._host(deployment)
        except Retired:
            pass  # what replaced it is loaded already
        except PlatformException as error:
            log.warning("%s is not served: %s", deployment.name, error.message)
        except Exception:
            log.exception("%s could not be loaded", deployment.name)

    def close(self) -> None:
        """End all hosts."""
        with self._pool_lock:
            self._closed = True
            pool = self._pool
        if pool is not None:
            pool.close()
        if self._warming is not None:
            self._warming.shutdown(wait=True, cancel_futures=True)

    # --- deploying ----------------------------------------------------------------------------------------------------

    def deploy(
        self,
        name: str,
        files: Mapping[str, bytes],
        *,
        overwrite: bool = False,
        keep: bool = True,
        description: str | None = None,
        skip_mcp: bool | None = None,
    ) -> Document:
        """Serve these files under that name; returns once the wrapper has loaded and the store has it.

        Raises Conflict if there is one of that name and not `overwrite`, UnprocessableEntity for names and files that
        will not do, LoadRefused for a wrapper that does not load. Then everything is as it was before.
        """
        sources.checked_name(name)
        given = dict(sources.checked_files(files))
        with self._lock:
            known = self._served.get(name)
            if known is not None and not overwrite:
                raise Conflict(f"Pipeline '{name}' already exists", hint="deploy it with overwrite=true to replace it")
            document = self._document(name, given, source="api", before=known)
            if description is not None:
                document["description"] = description
            if skip_mcp is not None:
                document["skipMcp"] = skip_mcp
            if not keep:
                document["transient"] = True
            fresh = Deployment(document, given)
            try:
                self._host(fresh)
                self._store(document, given)
            except BaseException:
                if fresh.host is not None:
                    fresh.host.close()
                self._remove_folder(document)
                raise
            self._served[name] = fresh
            self._failed.pop(name, None)
            self.changed += 1
        if known is not None:
            self._retire(known)
        return self.get(name)

    def undeploy(self, name: str) -> None:
        """Serve it no more. Nothing of the user's on disk is touched. Raises NotFound."""
        with self._lock:
            known = self._served.pop(name, None)
            broken = self._failed.pop(name, None)
            if known is None and broken is None:
                raise NotFound(f"Pipeline '{name}' not found")
            self.changed += 1
            if known is not None:
                document = known.document

                def remove(tx: Any) -> None:
                    tx.delete(Kind.DEPLOYMENT, document["id"])
                    at = now()
                    mark = {"fingerprint": document["fingerprint"], "createdAt": at, "updatedAt": at}
                    tx.put(Kind.SETTING, {"id": _undeployed_key(name), **mark})

                self._platform.store.write(remove)
        if known is not None:
            self._retire(known)

    def _document(self, name: str, files: Mapping[str, bytes], *, source: str, before: Deployment | None) -> Document:
        at = now()
        return {
            "id": before.document["id"] if before is not None else new_id(),
            "name": name,
            "revision": new_id(),
            "fingerprint": sources.fingerprint(files),
            "source": source,
            "files": sorted(files),
            "createdAt": before.document["createdAt"] if before is not None else at,
            "updatedAt": at,
        }

    def _store(self, document: Document, files: Mapping[str, bytes]) -> None:
        def put(tx: Any) -> None:
            tx.put(Kind.DEPLOYMENT, {**document, "_files": sources.packed(files)})
            tx.delete(Kind.SETTING, _undeployed_key(document["name"]))

        self._platform.store.write(put)

    def _retire(self, deployment: Deployment) -> None:
        """End the process of what was replaced once its calls are over; nobody waits for that."""
        deployment.retired = True

        def end() -> None:
            with deployment.lock:  # one that is being started for it just now is ended, too
                host, deployment.host = deployment.host, None
            if host is not None:
                host.close(_DRAIN)
                host.ended.wait(_DRAIN)
            self._remove_folder(deployment.document)

        threading.Thread(target=end, name=f"retiring-{deployment.name}", daemon=True).start()

    # --- hosts --------------------------------------------------------------------------------------------------------

    def _folder(self, document: Mapping[str, Any]) -> Path:
        folder: Path = self._platform.settings.data_dir / FOLDER / document["revision"] / document["name"]
        return folder

    def _remove_folder(self, document: Mapping[str, Any]) -> None:
        shutil.rmtree(self._folder(document).parent, ignore_errors=True)

    def _host(self, deployment: Deployment) -> Host:
        """Its process, loaded: the one that there is, or a new one. Raises LoadRefused, Unavailable."""
        host = deployment.host
        if host is not None and host.alive and deployment.description is not None:
            return host
        if not self._patient.acquire(blocking=False):
            raise Unavailable(f"pipeline '{deployment.name}' is still being loaded", retry_after=1.0)
        try:
            return self._brought_up(deployment)
        finally:
            self._patient.release()

    def _brought_up(self, deployment: Deployment) -> Host:
        with deployment.lock:
            host = deployment.host
            if host is not None and host.alive and deployment.description is not None:
                return host
            if deployment.retired:
                raise Retired(f"pipeline '{deployment.name}' was replaced just now", retry_after=1.0)
            if host is not None:
                deployment.crashes += 1
                log.warning("%s: %s; it is started again", deployment.name, host.death or "its process ended")
            if deployment.error is not None and time.monotonic() - deployment.failed_at < _AGAIN:
                raise LoadRefused(deployment.error)
            return self._load(deployment)

    def _load(self, deployment: Deployment) -> Host:
        pool = self._hosts()
        folder = self._folder(deployment.document)
        sources.lay_out(deployment.files, folder)
        spec = HostSpec(
            name=deployment.name,
            folder=folder,
            environment=self._platform.worker_environment(),
            path=self._paths,
            preload=sources.imports(deployment.files),
        )
        host: Host | None = None
        try:
            host = pool.open(spec)
            deployment.description = host.loaded.result(_LOAD)
        except HostGone as error:
            raise Unavailable(f"pipeline '{deployment.name}': {error}", retry_after=1.0) from None
        except HostFailed as error:
            deployment.error, deployment.failed_at = error.detail, time.monotonic()
            raise LoadRefused(error.detail) from None
        except TimeoutError:
            if host is not None:
                host.close()
            deployment.error = {"message": f"the wrapper was not set up within {_LOAD:g} s", "file": None, "line": None}
            deployment.failed_at = time.monotonic()
            raise LoadRefused(deployment.error) from None
        deployment.host, deployment.error = host, None
        return host

    def _hosts(self) -> HostPool:
        with self._pool_lock:
            if self._closed or self._make_pool is None:
                raise Unavailable("this platform serves no pipelines now")
            if self._pool is None or self._pool.lost:
                self._pool = self._make_pool()
            return self._pool

    # --- calling ------------------------------------------------------------------------------------------------------

    def find(self, name: str) -> Deployment:
        """The one of that name. Raises NotFound."""
        found = self._served.get(name)
        if found is None:
            raise NotFound(f"Pipeline '{name}' not found")
        return found

    def call(self, name: str, header: Mapping[str, Any], body: bytes, **keep: Any) -> Call:
        """Begin a call that a thread waits for; keywords as Call takes them. Raises as `ask`."""
        return Call(lambda receive: self.ask(name, header, body, receive), **keep)

    def ask(self, name: str, header: Mapping[str, Any], body: bytes, receive: Callable[[Event], None]) -> None:
        """Begin a call; `receive` is told what comes of it, on the hosts' thread, and waits for nothing.

        It is told first of all, here, where the call was `placed`: how to `cancel` it, and of what is `taken`. Raises
        NotFound, LoadRefused, Unavailable.
        """
        self._with_host(name, lambda host: _place(host, header, body, receive))

    def loaded(self, name: str) -> Deployment | None:
        """The one of that name, if it can be called without waiting for it."""
        found = self._served.get(name)
        host = found.host if found is not None else None
        return found if host is not None and host.alive and found is not None and found.description else None

    def _with_host(self, name: str, ask: Callable[[Host], Answer]) -> Answer:
        for _ in range(2):
            _, host = self._ready(name)
            try:
                return ask(host)
            except HostGone:
                continue
            except HostBusy as error:
                raise Unavailable(f"pipeline '{name}': {error}", retry_after=1.0) from None
        raise Unavailable(f"pipeline '{name}' takes no calls now", retry_after=1.0)

    def _ready(self, name: str) -> tuple[Deployment, Host]:
        """The one of that name with its process, loaded. Raises NotFound, LoadRefused, Unavailable."""
        while True:
            deployment = self.find(name)
            try:
                return deployment, self._host(deployment)
            except Retired:
                continue

    def source(self, name: str, known: str | None = None) -> Document | None:
        """Its revision and its files, as base64; None if that is the revision that is known. Raises NotFound."""
        deployment = self.find(name)
        revision = deployment.document["revision"]
        return None if revision == known else {"revision": revision, "files": sources.packed(deployment.files)}

    # --- telling ------------------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Of all that are served."""
        return sorted(self._served)

    def described(self, name: str) -> dict[str, Any]:
        """What its wrapper offers, having waited for it to be loaded. Raises as `call`."""
        deployment, _ = self._ready(name)
        return deployment.description or {}

    def get(self, name: str) -> Document:
        """A deployment as it is shown. Raises NotFound."""
        broken = self._failed.get(name)
        if name not in self._served and broken is not None:
            return shown({"name": name}, None, broken)
        deployment = self.find(name)
        return shown(deployment.document, deployment.description, deployment.error)

    def list(self) -> list[Document]:
        """All of them, and what of the pipelines' folder could not be taken in, by name."""
        return [self.get(name) for name in sorted({*self._served, *self._failed})]


def _place(host: Host, header: Mapping[str, Any], body: bytes, receive: Callable[[Event], None]) -> None:
    number = host.next_number()
    told = {"cancel": partial(host.cancel, number), "taken": partial(host.taken, number)}
    receive(({"kind": "placed", "name": host.spec.name, "call": header["call"], **told}, b""))
    host.call(header, body, receive, number)


def _unpacked(document: Document) -> Deployment:
    files = sources.unpacked(document.pop("_files", {}))
    return Deployment(document, files)


def _undeployed_key(name: str) -> str:
    return f"serving:undeployed:{name}"
