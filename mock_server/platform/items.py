"""Items: files in the folders of a dataset. Bytes are blobs, named by their hash; the document names the blob.

Law: bytes are whole on disk before the document that names them is, so a crash in between leaves bytes without a name
(swept later), never a name without its bytes. An item keeps its id when it is overwritten.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs

from dtlpipe.errors import BadRequest, NotFound
from dtlpipe.model.enums import TriggerAction as Action
from dtlpipe.model.enums import TriggerResource
from mock_server.platform import links_in_files, paths
from mock_server.platform.annotations import Annotations
from mock_server.platform.datasets import writable
from mock_server.platform.documents import merged, now, require
from mock_server.platform.item_documents import Change, checked_metadata, item_at, make_folders, mimetype, new_item
from mock_server.store.base import Document, Kind, Page, Query, Tx

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform
    from mock_server.store.base import Store
    from mock_server.store.blobs import Readable

Mode = Literal["skip", "overwrite"]
Operation = Literal["created", "overwrite", "skip"]

BLOB = "_blob"
_CHUNK = 500  # documents changed in one transaction


@attrs.frozen(kw_only=True)
class Upload:
    """What comes with the bytes of an item.

    Attributes:
        path: where it shall be, `/folder/name`.
        filename: what the client calls the file, for its type and `originalname`; by default the path's name.
        mimetype: its type, if the client knows; guessed by its name otherwise, and in place of what is no type.
        mode: what to do if the path is taken: "skip" keeps what is there, "overwrite" replaces its bytes.
    """

    path: str
    creator: str
    filename: str | None = None
    mimetype: str | None = None
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    description: str | None = None
    mode: Mode = "skip"


@attrs.frozen
class Blob:
    """Bytes in the store: their sha256 and their number."""

    digest: str
    size: int


@attrs.frozen
class Stream:
    """The bytes of an item: a file on disk; for a link to elsewhere, `address` is where they are."""

    path: Path
    size: int
    mimetype: str
    name: str
    address: str | None = None


class Items:
    """The verbs of items. A document is the wire's item, without its urls."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store
        self.annotations = Annotations(platform)

    # --- making -------------------------------------------------------------------------------------------------------

    def keep(self, dataset_id: str, data: bytes | Readable) -> Blob:
        """Keeps the bytes of an item that is about to be added. Without it they are nobody's, and swept in time.

        Raises NotFound for the dataset, Forbidden if it is read-only, PayloadTooLarge, InsufficientStorage.
        """
        writable(self._store, dataset_id)
        digest, size = self._store.blobs.put(data, self._platform.settings.max_upload)
        return Blob(digest, size)

    def upload(self, dataset_id: str, upload: Upload, data: bytes | Readable) -> tuple[Document, Operation]:
        """`keep` and `add`; nothing is left behind if either raises."""
        paths.file_path(upload.path)
        return self.add(dataset_id, upload, self.keep(dataset_id, data))

    def add(self, dataset_id: str, upload: Upload, blob: Blob) -> tuple[Document, Operation]:
        """Makes kept bytes an item, and says which of three things it did.

        Raises NotFound for the dataset, Forbidden if it is read-only, BadRequest for a path that is none or that is a
        folder.
        """
        path = paths.file_path(upload.path)
        original = paths.file_name(upload.filename) if upload.filename else paths.split(path)[1]
        metadata = checked_metadata(upload.metadata)
        system: dict[str, Any] = {
            "size": blob.size,
            "mimetype": mimetype(upload.mimetype) or mimetypes.guess_type(original)[0] or "application/octet-stream",
            "originalname": original,
            "encoding": "7bit",
            "refs": [],
        }
        link = links_in_files.read(self._store.blobs, blob.digest, blob.size, system["mimetype"])
        if link is not None:
            system["shebang"] = link
            system["mimetype"] = mimetype(link["linkInfo"].get("mimetype")) or system["mimetype"]

        def intent(tx: Tx) -> tuple[Document, Operation]:
            dataset = writable(tx, dataset_id)
            found = item_at(tx, dataset_id, path)
            at = now()
            if found is not None:
                if found["type"] == "dir":
                    raise BadRequest(f"path: {path!r} is a folder of this dataset")
                if upload.mode == "skip":
                    return found, "skip"
                item = {**found, "updatedAt": at, "updatedBy": upload.creator}
                kept = {key: value for key, value in found["metadata"].items() if key != "system"}
                item["metadata"] = merged(kept, metadata) | {"system": merged(metadata.get("system", {}), system)}
            else:
                make_folders(tx, dataset, path, upload.creator, at)
                item = new_item(dataset, path, "file", upload.creator, at)
                item["metadata"] = dict(metadata) | {"system": merged(metadata.get("system", {}), system)}
            if upload.description is not None:
                item["description"] = upload.description
            tx.put(Kind.ITEM, {**item, BLOB: blob.digest})
            self._tell(tx, dataset, [item], Action.CREATED if found is None else Action.UPDATED)
            return item, "created" if found is None else "overwrite"

        return self._platform.write(intent)

    def make_folder(self, dataset_id: str, path: str, creator: str) -> Document:
        """The folder, made if need be with those above it. Raises BadRequest if a file is in the way."""
        path = paths.item_path(path)
        if path == "/":
            raise BadRequest("path: '/' is the dataset itself")

        def intent(tx: Tx) -> Document:
            dataset = writable(tx, dataset_id)
            found = item_at(tx, dataset_id, path)
            if found is None:
                at = now()
                make_folders(tx, dataset, path, creator, at)
                found = new_item(dataset, path, "dir", creator, at)
                tx.insert(Kind.ITEM, found)
            elif found["type"] != "dir":
                raise BadRequest(f"path: {path!r} is a file of this dataset")
            return found

        return self._store.write(intent)

    def clone(
        self,
        item_id: str,
        dataset_id: str,
        creator: str,
        *,
        path: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        with_metadata: bool = True,
        with_annotations: bool = True,
    ) -> Document:
        """Makes a second item of the same bytes in the dataset (default path: the same), `metadata` laid over its own.

        Returns the command that did it, over already: its `spec["returnedModelId"]` is a list with the new item's id.
        Raises NotFound, and BadRequest if the path is taken.
        """
        source = require(self._store, Kind.ITEM, item_id, private=True)
        if source["type"] != "file":
            raise BadRequest(f"{source['filename']!r} is a folder; only files can be cloned")
        target = paths.file_path(path or source["filename"])
        extra = checked_metadata(metadata or {})
        system = source["metadata"].get("system", {})
        own = {key: value for key, value in source["metadata"].items() if key != "system"} if with_metadata else {}

        def intent(tx: Tx) -> Document:
            dataset = writable(tx, dataset_id)
            at = now()
            if item_at(tx, dataset_id, target) is not None:
                raise BadRequest(f"path: there is a {target!r} in the dataset already", hint="name another path")
            make_folders(tx, dataset, target, creator, at)
            item = new_item(dataset, target, "file", creator, at)
            item["metadata"] = merged(own, extra) | {"system": system}
            item["srcItem"] = item_id
            item["description"] = source.get("description")
            if with_annotations:
                item |= self.annotations.copy(tx, item_id, item["id"], dataset)
            tx.insert(Kind.ITEM, {**item, BLOB: source.get(BLOB)})
            self._tell(tx, dataset, [item], Action.CREATED, Action.CLONE)
            command = self._platform.commands.made("CloneItem", creator, {"returnedModelId": [item["id"]]})
            tx.insert(Kind.COMMAND, command)
            return command

        return self._platform.write(intent)

    def place(self, item_id: str, dataset_id: str, folder: str | None, creator: str) -> str:
        """The id of the item in that dataset and folder: its own if it is there, else its copy's, made if need be."""
        source = require(self._store, Kind.ITEM, item_id)
        target = paths.item_path(f"{folder.rstrip('/')}/{source['name']}" if folder else source["filename"])
        if source["datasetId"] == dataset_id and (folder is None or source["filename"] == target):
            return item_id
        found = self._store.find(Kind.ITEM, {"pageSize": 1}, where={"datasetId": dataset_id, "filename": target}).items
        if found:
            return str(found[0]["id"])
        return str(self.clone(item_id, dataset_id, creator, path=target)["spec"]["returnedModelId"][0])

    # --- looking ------------------------------------------------------------------------------------------------------

    def get(self, item_id: str) -> Document:
        """Raises NotFound."""
        return require(self._store, Kind.ITEM, item_id)

    def query(self, dataset_id: str, query: Query) -> Page:
        """A page of the dataset's items. Raises NotFound for the dataset, BadRequest for a query that is none."""
        require(self._store, Kind.DATASET, dataset_id)
        return self._store.find(Kind.ITEM, _by_path(query), where={"datasetId": dataset_id})

    def open(self, item_id: str) -> Stream:
        """Where the item's bytes are. A link to another item is followed once. Raises NotFound, BadRequest."""
        item = require(self._store, Kind.ITEM, item_id, private=True)
        target = links_in_files.target(item)
        if target is not None and target[0] == "id":
            item = require(self._store, Kind.ITEM, target[1], private=True)
        if item["type"] == "dir":
            raise BadRequest(f"{item['filename']!r} is a folder; only files have bytes")
        system = item["metadata"].get("system", {})
        address = target[1] if target is not None and target[0] == "url" else None
        path = self._store.blobs.path(item[BLOB])
        if address is None and not path.is_file():
            raise NotFound(f"the bytes of item {item_id!r} are not in the store any more")
        kind = mimetype(system.get("mimetype")) or "application/octet-stream"
        return Stream(path, int(system.get("size") or 0), kind, item["name"], address)

    # --- changing -----------------------------------------------------------------------------------------------------

    def update(self, item_id: str, patch: Mapping[str, Any], editor: str, *, system: bool = False) -> Document:
        """Lays the patch over what a client may change: metadata, description, and where the item is.

        `metadata.system` is taken over only with `system`, except for what describes the bytes.
        Raises NotFound, Forbidden, BadRequest (also for a path that is taken).
        """
        change = Change.read(patch, system=system)

        def intent(tx: Tx) -> Document:
            document = require(tx, Kind.ITEM, item_id)
            dataset = writable(tx, document["datasetId"])
            document = change.apply(document, editor)
            if change.path is not None and change.path != document["filename"]:
                self._move(tx, dataset, document, change.path, editor)
            tx.put(Kind.ITEM, document)
            self._tell(tx, dataset, [document], Action.UPDATED)
            return document

        return self._platform.write(intent)

    def update_all(
        self, dataset_id: str, query: Query, patch: Mapping[str, Any], editor: str, *, system: bool = False
    ) -> int:
        """Lays the patch over every match; how many there were. Cut short, those done stay done."""
        change = Change.read(patch, system=system)
        if change.path is not None:
            raise BadRequest("items of a query cannot all be moved to one path", hint="move them one by one")

        def intent(tx: Tx, ids: list[str]) -> int:
            dataset = writable(tx, dataset_id)
            found = [change.apply(each, editor) for each in _present(tx, ids)]
            for document in found:
                tx.put(Kind.ITEM, document)
            self._tell(tx, dataset, found, Action.UPDATED)
            return len(found)

        return self._in_chunks(dataset_id, query, intent)

    def delete(self, item_id: str) -> None:
        """The item, and what is below it if it is a folder. Raises NotFound, Forbidden."""
        item = self.get(item_id)
        if item["type"] == "dir":
            below = {"$gte": f"{item['filename']}/", "$lt": f"{item['filename']}0"}  # "0" is what comes after "/"
            self.delete_all(item["datasetId"], {"filter": {"filename": below}})

        def intent(tx: Tx) -> None:
            self._remove(tx, writable(tx, item["datasetId"]), [item_id])

        self._platform.write(intent)

    def delete_all(self, dataset_id: str, query: Query) -> int:
        """Every match; how many there were. Cut short, those gone stay gone."""

        def intent(tx: Tx, ids: list[str]) -> int:
            return self._remove(tx, writable(tx, dataset_id), ids)

        return self._in_chunks(dataset_id, query, intent)

    def sweep(self, stop: Callable[[], bool] = lambda: False, **options: float) -> int:
        """Deletes the bytes that nothing names any more, until `stop` holds; how many blobs they were.

        Bytes that came lately are spared, as their item may be on its way (`older_than`, in seconds).
        """
        return self._store.blobs.sweep(_Named(self._store, stop), **options)

    def _in_chunks(self, dataset_id: str, query: Query, intent: Callable[[Tx, list[str]], int]) -> int:
        require(self._store, Kind.DATASET, dataset_id)
        done = 0
        matches = self._store.iterate(Kind.ITEM, query, where={"datasetId": dataset_id})
        for ids in _chunks(each["id"] for each in matches):
            done += self._platform.write(partial(_swapped, intent, ids))
        return done

    def _remove(self, tx: Tx, dataset: Document, ids: list[str]) -> int:
        found = _present(tx, ids)
        for each in found:
            self.annotations.remove_of(tx, each["id"], dataset)
            tx.delete(Kind.ITEM, each["id"])
        self._tell(tx, dataset, found, Action.DELETED)
        return len(found)

    def _tell(self, tx: Tx, dataset: Document, items: list[Document], *actions: Action) -> None:
        self._platform.firing.tell(tx, TriggerResource.ITEM, dataset, items, *actions)

    def _move(self, tx: Tx, dataset: Document, document: Document, path: str, editor: str) -> None:
        if document["type"] == "dir":
            raise BadRequest(f"{document['filename']!r} is a folder; move the items in it")
        if item_at(tx, dataset["id"], path) is not None:
            raise BadRequest(f"path: there is a {path!r} in the dataset already")
        make_folders(tx, dataset, path, editor, document["updatedAt"])
        document["filename"] = path
        document["dir"], document["name"] = paths.split(path)


@attrs.frozen
class _Named:
    """The hashes that something names."""

    store: Store
    stop: Callable[[], bool]

    def __contains__(self, digest: object) -> bool:
        return self.stop() or self.store.inspection.names(str(digest))


def _by_path(query: Query) -> Query:
    """The query with what it says of `dir` said of `filename`, too, which has an index."""
    asked = query.get("filter")
    if not isinstance(asked, Mapping):
        return query
    predicates = asked.get("$and", [])
    if not isinstance(predicates, list):
        return query
    alone = (each for each in predicates if isinstance(each, Mapping) and [*each] == ["dir"])
    folders = [each["dir"] for each in (asked, *alone) if "dir" in each]
    named = [each for each in folders if isinstance(each, str) and "*" not in each and len(each) > 1]
    below: list[dict[str, Any]] = [{"filename": {"$gte": f"{each}/", "$lt": f"{each}0"}} for each in named]
    return {**query, "filter": {**asked, "$and": [*below, *predicates]}} if below else query


def _present(tx: Tx, ids: list[str]) -> list[Document]:
    return [found for each in ids if (found := tx.get(Kind.ITEM, each)) is not None]


def _swapped(intent: Callable[[Tx, list[str]], int], ids: list[str], tx: Tx) -> int:
    return intent(tx, ids)


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
