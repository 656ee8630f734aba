"""Work on a whole dataset at once: copies, exports, subsets, and changes of all that a query finds.

Law: what is answered with a command is done by then. It is done in steps, so that the writer is soon free for others:
cut short, what was done stays done.
"""

from __future__ import annotations

import random
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import orjson

from dtlpipe.errors import BadRequest
from mock_server.platform import paths
from mock_server.platform.datasets import writable
from mock_server.platform.documents import require
from mock_server.platform.items import Upload
from mock_server.platform.links import shown
from mock_server.store.base import Document, Kind, Query, Tx

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

T = TypeVar("T")
SUBSETS = ("train", "validation", "test")
_CHUNK = 200
_FILES: dict[str, Any] = {"$and": [{"type": "file"}, {"hidden": False}]}


class Bulk:
    """The verbs of datasets that touch all of their items."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store

    # --- what a query finds -------------------------------------------------------------------------------------------

    def delete_annotations(self, dataset_id: str, query: Query) -> int:
        """Every annotation that matches; how many there were. Raises NotFound, Forbidden, BadRequest."""
        annotations = self._platform.items.annotations
        return self._each_annotation(dataset_id, query, annotations.delete)

    def update_annotations(self, dataset_id: str, query: Query, patch: Mapping[str, Any], editor: str) -> int:
        """Lays the patch over every annotation that matches; how many there were."""
        annotations = self._platform.items.annotations
        return self._each_annotation(dataset_id, query, lambda id: annotations.update(id, patch, editor))

    def _each_annotation(self, dataset_id: str, query: Query, act: Callable[[str], Any]) -> int:
        writable(self._store, dataset_id)
        asked = {**query, "filter": query.get("filter") or {}}
        ids = [each["id"] for each in self._store.iterate(Kind.ANNOTATION, asked, where={"datasetId": dataset_id})]
        for each in ids:
            act(each)
        return len(ids)

    def move_into(self, dataset_id: str, folder_id: str, item_ids: Sequence[Any], editor: str) -> Document:
        """Moves items into a folder. Raises NotFound, Forbidden, BadRequest: then those before it are moved."""
        folder = require(self._store, Kind.ITEM, folder_id)
        if folder["type"] != "dir" or folder["datasetId"] != dataset_id:
            raise BadRequest(f"item {folder_id!r} is no folder of dataset {dataset_id!r}")
        found = []
        for index, id in enumerate(item_ids):
            item = require(self._store, Kind.ITEM, id) if isinstance(id, str) else None
            if item is None or item["datasetId"] != dataset_id:
                raise BadRequest(
                    "", errors=[{"path": [index], "message": "the id of an item of the dataset is needed"}]
                )
            found.append(item)
        for item in found:
            self._platform.items.update(item["id"], {"filename": f"{folder['filename']}/{item['name']}"}, editor)
        return {"moved": len(found)}

    def tag(self, dataset_id: str, query: Query, patch: Mapping[str, Any], editor: str) -> Document:
        """Lays the patch over every item that matches; `metadata.system` too. The answer is a command."""
        changed = self._platform.items.update_all(dataset_id, query, patch, editor, system=True)
        return self._done("UpdateItems", editor, {"datasetId": dataset_id, "updated": changed})

    def split(self, dataset_id: str, query: Query, shares: Mapping[str, Any], editor: str) -> Document:
        """Gives each item that matches one subset, by shares in percent; the same items fare the same each time."""
        sizes = [shares.get(each) for each in SUBSETS]
        if not all(isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in sizes):
            raise BadRequest(
                "", errors=[{"path": ["MLSplitList"], "message": f"whole percents of {SUBSETS} are needed"}]
            )
        percents = [int(each or 0) for each in sizes]
        if sum(percents) != 100:
            raise BadRequest("", errors=[{"path": ["MLSplitList"], "message": "these percents do not make 100"}])
        require(self._store, Kind.DATASET, dataset_id)
        ids = [each["id"] for each in self._store.iterate(Kind.ITEM, query, where={"datasetId": dataset_id})]
        random.Random(dataset_id).shuffle(ids)  # noqa: S311 - to be the same each time
        first, second = len(ids) * percents[0] // 100, len(ids) * (percents[0] + percents[1]) // 100
        for subset, mine in zip(SUBSETS, (ids[:first], ids[first:second], ids[second:]), strict=True):
            tags = {each: True if each == subset else None for each in SUBSETS}
            for chunk in _chunks(mine):
                patch = {"metadata": {"system": {"tags": tags}}}
                self._platform.items.update_all(
                    dataset_id, {"filter": {"id": {"$in": chunk}}}, patch, editor, system=True
                )
        return self._done("SplitDataset", editor, {"datasetId": dataset_id, "items": len(ids)})

    # --- copies -------------------------------------------------------------------------------------------------------

    def clone(self, dataset_id: str, body: Mapping[str, Any], creator: str) -> Document:
        """Copies what a filter finds to a new dataset, `name`, or to `cloneDatasetParams.targetDatasetId`."""
        source = require(self._store, Kind.DATASET, dataset_id)
        options = _object(body, "cloneDatasetParams")
        query = _query(body.get("filter"), "filter")
        target_id = options.get("targetDatasetId")
        if target_id is None:
            given = {"name": body.get("name") or f"{source['name']} copy", "projects": source["projects"]}
            target_id = self._platform.datasets.create(given, creator)["id"]
            metadata = {"metadata": {"system": {"recipes": source["metadata"]["system"].get("recipes") or []}}}
            self._platform.datasets.update(target_id, metadata, system=True)
        elif not isinstance(target_id, str):
            raise BadRequest(
                "", errors=[{"path": ["cloneDatasetParams", "targetDatasetId"], "message": "an id is needed here"}]
            )
        copied = self._copy(dataset_id, target_id, query, options, creator, options.get("targetDirectory"))
        return self._done("CloneDataset", creator, {"returnedModelId": target_id, "items": copied})

    def merge(self, body: Mapping[str, Any], creator: str) -> Document:
        """A new dataset with copies of the items of several. A path that two of them have is taken from the first."""
        ids, options = body.get("datasetsIds"), _object(body, "mergeDatasetParams")
        if not isinstance(ids, list) or not ids or not all(isinstance(each, str) for each in ids):
            raise BadRequest("", errors=[{"path": ["datasetsIds"], "message": "a list of ids is needed here"}])
        sources = [require(self._store, Kind.DATASET, each) for each in ids]
        projects = sources[0]["projects"]
        target = self._platform.datasets.create({"name": body.get("name"), "projects": projects}, creator)
        copied = sum(self._copy(each, target["id"], {"filter": _FILES}, options, creator, None) for each in ids)
        return self._done(
            "MergeDatasets",
            creator,
            {"mergeDatasetsConfiguration": {"datasetId": target["id"], "datasetsIds": ids}, "items": copied},
        )

    def sync(self, dataset_id: str, creator: str) -> Document:
        """There is no storage elsewhere whose items could be missing here: a command that is over."""
        require(self._store, Kind.DATASET, dataset_id)
        return self._done("SyncDataset", creator, {"datasetId": dataset_id})

    def _copy(
        self, source_id: str, target_id: str, query: Query, options: Mapping[str, Any], creator: str, folder: Any
    ) -> int:
        require(self._store, Kind.DATASET, target_id)
        if not isinstance(folder, str | None):
            raise BadRequest("", errors=[{"path": ["targetDirectory"], "message": "a text is needed here"}])
        prefix = paths.item_path(folder).rstrip("/") if folder else ""
        with_annotations = options.get("withItemsAnnotations") is not False
        with_metadata = options.get("withMetadata") is not False
        copied = 0
        found = self._store.iterate(Kind.ITEM, query, where={"datasetId": source_id})
        for item in [each for each in found if each["type"] == "file"]:
            path = prefix + item["filename"]
            taken = self._store.find(Kind.ITEM, {"pageSize": 1}, where={"datasetId": target_id, "filename": path}).items
            if not taken:
                self._platform.items.clone(
                    item["id"],
                    target_id,
                    creator,
                    path=path,
                    with_metadata=with_metadata,
                    with_annotations=with_annotations,
                )
                copied += 1
        return copied

    # --- exports ------------------------------------------------------------------------------------------------------

    def export(self, dataset_id: str, body: Mapping[str, Any], creator: str) -> Document:
        """Writes what a query finds to an item of the project's hidden dataset, which the command names.

        `exportType` "json" gives a list of items, anything else a zip with a file for each, below its path; both with
        `annotations` unless `annotations.include` is false. `annotationsQuery` narrows them.
        """
        dataset = require(self._store, Kind.DATASET, dataset_id)
        wanted = _object(body, "annotations")
        query, narrower = _query(body.get("itemsQuery"), "itemsQuery"), body.get("annotationsQuery")
        narrow = _query(narrower, "annotationsQuery") if narrower is not None else {}
        as_json = body.get("exportType") == "json"
        include = wanted.get("include") is not False

        def entries() -> Iterator[Document]:
            for item in self._store.iterate(Kind.ITEM, query, where={"datasetId": dataset_id}):
                if item["type"] == "file":
                    entry = shown(self._platform, "items", item)
                    if include:
                        mine = {"itemId": item["id"]}
                        entry["annotations"] = [*self._store.iterate(Kind.ANNOTATION, narrow, where=mine)]
                    yield entry

        with tempfile.TemporaryFile() as file:
            written = (_write_json if as_json else _write_zip)(file, entries())
            file.seek(0)
            binaries = self._platform.datasets.binaries(dataset["projects"][0])
            command = self._platform.commands.made("ExportDataset", creator, {"datasetId": dataset_id})
            name = f"{command['id']}.{'json' if as_json else 'zip'}"
            upload = Upload(path=f"/exports/{name}", creator=creator, filename=name)
            item, _ = self._platform.items.upload(binaries["id"], upload, file)
        command["spec"] |= {"outputItemId": item["id"], "items": written}
        return self._kept(command)

    def _done(self, type: str, creator: str, spec: Mapping[str, Any]) -> Document:
        return self._kept(self._platform.commands.made(type, creator, spec))

    def _kept(self, command: Document) -> Document:
        def intent(tx: Tx) -> None:
            tx.insert(Kind.COMMAND, command)

        self._store.write(intent)
        return shown(self._platform, "commands", command)


def _write_json(file: BinaryIO, entries: Iterable[Document]) -> int:
    count = 0
    file.write(b"[")
    for count, each in enumerate(entries, 1):
        file.write((b"," if count > 1 else b"") + orjson.dumps(each))
    file.write(b"]")
    return count


def _write_zip(file: BinaryIO, entries: Iterable[Document]) -> int:
    count = 0
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for count, each in enumerate(entries, 1):  # noqa: B007
            folder, name = paths.split(each["filename"])
            stem = name.rpartition(".")[0] or name
            archive.writestr(f"{folder.strip('/')}/{stem}.json".lstrip("/"), orjson.dumps(each))
    return count


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk


def _object(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = body.get(key)
    if not isinstance(value, Mapping | None):
        raise BadRequest("", errors=[{"path": [key], "message": "an object is needed here"}])
    return value or {}


def _query(value: Any, key: str) -> dict[str, Any]:
    """A query in its frame, or its filter alone; without one, all files."""
    if value is None or value == {}:
        return {"filter": _FILES}
    if not isinstance(value, Mapping):
        raise BadRequest("", errors=[{"path": [key], "message": "a query is needed here"}])
    framed = dict(value) if "filter" in value else {"filter": dict(value)}
    found = {name: framed[name] for name in ("filter", "join") if framed.get(name)}
    return found or {"filter": _FILES}
