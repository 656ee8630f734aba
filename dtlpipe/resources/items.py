"""Items: files in a dataset. Upload, query, metadata, download.

Longer than 400 lines because each verb says what it takes, gives and raises.
"""

from __future__ import annotations

import builtins
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

import attrs

from dtlpipe.errors import BadRequest, NotFound
from dtlpipe.model import data as nouns
from dtlpipe.model.filters import Filters
from dtlpipe.model.struct import Struct
from dtlpipe.resources.downloading import CHUNK, into_file, pull, target_of
from dtlpipe.resources.entity import Entity, required
from dtlpipe.resources.paths import remote_folder
from dtlpipe.resources.progress import OnProgress, counted
from dtlpipe.resources.settling import settled
from dtlpipe.resources.uploading import Local, Part, plan, send
from dtlpipe.sansio.effects import Blocking, Emit, Flow, Gather, Op, Request, Response
from dtlpipe.sansio.operation import Bound, Colour, fetched, operation, streaming
from dtlpipe.sansio.pages import Pages, listing, query_pages

if TYPE_CHECKING:
    from dtlpipe.resources.annotations import Annotations
    from dtlpipe.resources.datasets import Dataset
    from dtlpipe.resources.projects import Project

#: Files in flight at once, unless said otherwise.
WORKERS = 8


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Item(Entity[Colour], nouns.Item):  # type: ignore[misc]  # entities are hashed by id
    """One file (or folder) of a dataset. Change `metadata`, `filename` or `description`, then `update()`."""

    NOUN: ClassVar[type[Struct] | None] = nouns.Item
    _dataset: Dataset[Colour] | None = attrs.field(default=None, alias="dataset", metadata={"local": True})

    @property
    def annotations(self) -> Annotations[Colour]:
        """The marks on it."""
        from dtlpipe.resources.annotations import Annotations

        return Annotations(session=self._session, item_id=self.id, dataset_id=self.dataset_id)

    @fetched
    def dataset(self) -> Op[Dataset[Colour]]:
        """The dataset that it is in."""
        return (yield from self._its_dataset())

    def _its_dataset(self) -> Op[Dataset[Colour]]:
        if self._dataset is None:
            from dtlpipe.resources.datasets import Datasets

            datasets: Datasets[Colour] = Datasets(session=self._session)
            self._dataset = yield from datasets.get.op(datasets, dataset_id=self.dataset_id)
        return self._dataset

    @fetched
    def project(self) -> Op[Project[Colour]]:
        """The project that its dataset is in."""
        from dtlpipe.resources.projects import Projects

        if not self.project_id:
            dataset = yield from self._its_dataset()
            self.project_id = dataset.project_id
        projects: Projects[Colour] = Projects(session=self._session)
        return (yield from projects.get.op(projects, project_id=self.project_id))

    @operation
    def update(self, system_metadata: bool = False) -> Op[Item[Colour]]:  # noqa: FBT001, FBT002 - the field's signature
        """Sends what was changed here since the platform last answered; does nothing if nothing was.

        Args:
            system_metadata: also changes `metadata['system']`, which is the platform's own.

        Raises:
            NotFound: it was deleted meanwhile.
        """
        changed = self._changes()
        if changed:
            params = {"system": "true"} if system_metadata else None
            response: Response = yield Request("PATCH", f"/items/{self.id}", json=changed, params=params)
            self._absorb(response.json())
        return self

    @operation
    def update_status(self, status: str, clear: bool = False, task_id: str | None = None) -> Op[list[str]]:  # noqa: FBT001, FBT002
        """Says what came of it in a task, as an annotator does; the pipeline that gave it to the task goes on with it.

        Args:
            status: one of the task's actions; "completed", "approved" and "discarded" are understood, too.
            clear: takes back what was said, if the pipeline has not gone on.
            task_id: the task; not needed if the item is in one only.

        Raises:
            BadRequest: it is in no task, or in several and none is named; or the task has no such status.
        """
        from dtlpipe.resources.tasks import status_request

        refs = [each for each in (self.metadata.get("system") or {}).get("refs") or () if each.get("type") == "task"]
        if task_id is None and len(refs) != 1:
            raise BadRequest(f"item {self.name!r} is in {len(refs)} tasks", hint="say in which: task_id=...")
        response: Response = yield status_request(task_id or str(refs[0]["id"]), self.id, status, clear=clear)
        return list(response.json())

    def status(self, task_id: str) -> str | None:
        """What was said of it in a task, as of the last look; None if nothing was."""
        for each in (self.metadata.get("system") or {}).get("refs") or ():
            if each.get("id") == task_id:
                return (each.get("metadata") or {}).get("status")
        return None

    @operation
    def refresh(self) -> Op[Item[Colour]]:
        """Takes over what the platform knows now; changes that were not sent are lost."""
        response: Response = yield Request("GET", f"/items/{self.id}")
        return self._absorb(response.json())

    @operation
    def move(self, new_path: str) -> Op[Item[Colour]]:
        """Gives it another path, `/folder/name`, or another folder, `/folder/`."""
        folder, _, name = new_path.rpartition("/")
        self.filename = f"{remote_folder(folder)}/{name or self.name}".replace("//", "/")
        return (yield from self.update.op(self, system_metadata=True))

    @operation
    def delete(self) -> Op[bool]:
        """Deletes it. Raises NotFound if it is not there."""
        yield Request("DELETE", f"/items/{self.id}")
        return True

    @streaming
    def stream_bytes(self, chunk_size: int = CHUNK) -> Flow[bytes]:
        """Its bytes, in chunks of at most `chunk_size`, as they arrive; a broken connection is resumed."""
        yield from pull(self, chunk_size, Emit)

    @operation
    def download(
        self,
        local_path: str | Path | None = None,
        *,
        save_locally: bool = True,
        overwrite: bool = False,
        to_items_folder: bool = True,
    ) -> Op[Any]:
        """Downloads it.

        Args:
            local_path: a file with the item's own ending, or a folder, in which it gets the item's path; by default
                a folder of the dataset's below `~/.dtlpipe`.
            save_locally: False gives the bytes instead, as an `io.BytesIO` with a `name`, and writes nothing.
            overwrite: whether to fetch it even if the file is there.
            to_items_folder: puts a folder `items` between the folder and the item's path, as the field's SDK does.

        Returns:
            The file's path, or the bytes.

        Raises:
            NotAnItemPath: it is a folder, or its path would lead out of `local_path`.
        """
        if not save_locally:
            buffer = io.BytesIO()
            yield from pull(self, CHUNK, lambda chunk: Blocking(buffer.write, chunk))
            buffer.name = self.name  # as open files have
            buffer.seek(0)
            return buffer
        target: Path = yield Blocking(target_of, self, local_path, to_items_folder=to_items_folder)
        if not overwrite and (yield Blocking(target.exists)):
            return str(target)
        return (yield from into_file(self, target))


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Items(Bound[Colour]):
    """The items of a dataset. Without a dataset, only what an item's id suffices for."""

    dataset: Dataset[Colour] | None = None
    dataset_id: str | None = None

    def known_dataset_id(self) -> str:
        """The dataset's id. Raises BadRequest if these are the items of no dataset in particular."""
        found = self.dataset_id or (self.dataset.id if self.dataset is not None else None)
        if not found:
            raise BadRequest("this needs a dataset", hint="use dataset.items instead of dl.items")
        return found

    def item(self, data: Mapping[str, Any]) -> Item[Colour]:
        """The item for its JSON data."""
        return Item.from_wire(data, session=self._session, dataset=self.dataset)

    def _query(self, body: Mapping[str, Any]) -> Op[Any]:
        path = f"/datasets/{self.known_dataset_id()}/query"
        response: Response = yield Request("POST", path, json=body, idempotent=True)
        return response.json()

    @listing
    def list(
        self,
        filters: Filters | Mapping[str, Any] | None = None,
        page_offset: int | None = None,
        page_size: int | None = None,
    ) -> Pages[Item[Colour], Colour]:
        """The items that match, by id unless the filters sort otherwise; by default all files that are not hidden.

        Args:
            filters: what to look for; also as query JSON.
            page_offset: the number of the first page, from 0.
            page_size: items a page.
        """
        wanted = _filters(filters)
        if page_offset is not None or page_size is not None:
            wanted = wanted.paged(page=page_offset, page_size=page_size)
        return query_pages(self._session, f"/datasets/{self.known_dataset_id()}/query", wanted, self.item, keyset=True)

    @operation
    def get(self, filepath: str | None = None, item_id: str | None = None, *, is_dir: bool = False) -> Op[Item[Colour]]:
        """The item of that id, or at that path in this dataset; with `is_dir`, only if it is a folder.

        Raises:
            NotFound: there is none.
        """
        if item_id is not None:
            response: Response = yield Request("GET", f"/items/{quote(item_id, safe='')}")
            return self.item(response.json())
        path = "/" + required(filepath, "filepath or item_id").lstrip("/")
        pages = Pages(
            self._session,
            f"/datasets/{self.known_dataset_id()}/query",
            self.item,
            query={"filter": {"$and": [{"filename": path}]}, "page": 0, "pageSize": 100, "resource": "items"},
        )
        # a path that has a `*` in it is taken as a pattern, so that others may be found with it
        found = yield from pages.find(lambda item: item.filename == path and (item.type == "dir" or not is_dir))
        if found is None:
            raise NotFound(f"dataset {self.known_dataset_id()} has no {'folder' if is_dir else 'item'} at {path!r}")
        return found

    @operation
    def upload(
        self,
        local_path: Local | Iterable[Local],
        *,
        remote_path: str = "/",
        remote_name: str | builtins.list[str] | None = None,
        file_types: Iterable[str] | None = None,
        overwrite: bool = False,
        item_metadata: Mapping[str, Any] | None = None,
        item_description: str | None = None,
        raise_on_error: bool = True,
        return_as_list: bool = False,
        workers: int = WORKERS,
        on_progress: OnProgress | None = None,
    ) -> Op[Any]:
        """Uploads files, a few at a time.

        Args:
            local_path: a file; a folder (which keeps its name); `folder/*` (which does not) or another pattern; bytes
                or a file open for binary reading; or several of these.
            remote_path: the folder in the dataset.
            remote_name: another name for one file; needed for bytes. Several sources: as many names.
            file_types: only files with these endings, such as `['.png']`.
            overwrite: replaces an item that has the same path; otherwise it is kept and returned.
            item_metadata: for each item, such as `{'user': {'camera': 3}}`.
            item_description: for each item.
            raise_on_error: False gives the items that could be uploaded and logs each file that could not.
            return_as_list: a list even for one file.
            workers: files in flight at once.
            on_progress: is called after each file, on any thread, with how many are done and how many there are.

        Returns:
            The item, for one file; else the list of items, in order.

        Raises:
            NotAnItemPath: a path that is not there, or a name that no item can have; nothing was sent.
            TransferFailed: of several files, some could not be uploaded; it names them and holds the others' items.
        """
        mode = "overwrite" if overwrite else "skip"
        parts: list[Part]
        parts, single = yield Blocking(
            plan, local_path, remote_path=remote_path, remote_name=remote_name, file_types=file_types
        )
        operations = (
            send(self, part, mode=mode, metadata=item_metadata, description=item_description) for part in parts
        )
        if single and raise_on_error:
            item = yield from next(operations)
            return [item] if return_as_list else item
        results = yield Gather(counted(operations, len(parts), on_progress), limit=workers)
        items = settled("uploaded", [part.label for part in parts], results, raise_on_error=raise_on_error)
        return items[0] if single and items and not return_as_list else items

    @operation
    def download(
        self,
        filters: Filters | Mapping[str, Any] | None = None,
        items: Iterable[Item[Colour] | str] | Item[Colour] | str | None = None,
        local_path: str | Path | None = None,
        *,
        overwrite: bool = False,
        to_items_folder: bool = True,
        raise_on_error: bool = True,
        workers: int = WORKERS,
        on_progress: OnProgress | None = None,
    ) -> Op[builtins.list[str]]:
        """Downloads items into a folder, each at its own path, a few at a time.

        Args:
            filters: which; by default all of the dataset.
            items: or these, as items or ids.
            local_path: the folder; by default one of the dataset's below `~/.dtlpipe`.
            overwrite: whether to fetch those whose file is there.
            to_items_folder: puts a folder `items` between the folder and the items' paths, as the field's SDK does.
            raise_on_error: False gives the files that could be downloaded and logs each item that could not.
            workers: items in flight at once.
            on_progress: as of `upload`.

        Returns:
            The files' paths.

        Raises:
            TransferFailed: some could not be downloaded; it names them and holds the others' paths.
        """
        wanted = yield from self._those(filters, items)

        def fetch(item: Item[Colour]) -> Op[str]:
            target: Path = yield Blocking(target_of, item, local_path, to_items_folder=to_items_folder, many=True)
            if not overwrite and (yield Blocking(target.exists)):
                return str(target)
            return (yield from into_file(item, target))

        results = yield Gather(counted(map(fetch, wanted), len(wanted), on_progress), limit=workers)
        return settled("downloaded", [item.filename for item in wanted], results, raise_on_error=raise_on_error)

    def _those(
        self,
        filters: Filters | Mapping[str, Any] | None,
        items: Iterable[Item[Colour] | str] | Item[Colour] | str | None,
    ) -> Op[builtins.list[Item[Colour]]]:
        found: builtins.list[Item[Colour]] = []
        if items is None:
            pages = query_pages(
                self._session, f"/datasets/{self.known_dataset_id()}/query", _filters(filters), self.item, keyset=True
            )
            found = yield from pages.collect()
            return [item for item in found if item.type != "dir"]
        for each in [items] if isinstance(items, (str, Item)) else items:
            if isinstance(each, str):
                found.append((yield from self.get.op(self, item_id=each)))
            else:
                found.append(each)
        return found

    @operation
    def update(
        self,
        item: Item[Colour] | None = None,
        filters: Filters | Mapping[str, Any] | None = None,
        update_values: Mapping[str, Any] | None = None,
        system_update_values: Mapping[str, Any] | None = None,
        system_metadata: bool = False,  # noqa: FBT001, FBT002 - the field's own signature
    ) -> Op[Any]:
        """Updates one item, as `item.update()`, or all that match.

        Args:
            item: the item; returned.
            filters: or which items. Returns the platform's answer.
            update_values: what to merge into the `metadata['user']` of those that match.
            system_update_values: what to merge into their `metadata['system']`; needs `system_metadata=True`.
            system_metadata: also changes system metadata.
        """
        if item is not None:
            return (yield from item.update.op(item, system_metadata))
        if filters is None:
            raise BadRequest("give item or filters")
        metadata: dict[str, Any] = {}
        if update_values:
            metadata["user"] = dict(update_values)
        if system_update_values:
            if not system_metadata:
                raise BadRequest("system_update_values needs system_metadata=True")
            metadata["system"] = dict(system_update_values)
        if not metadata:
            raise BadRequest("give update_values: there is nothing to update with")
        body = {**_filters(filters).prepare(), "update": {"metadata": metadata}}
        if "system" in metadata:
            body["systemSpace"] = True
        return (yield from self._query(body))

    @operation
    def delete(
        self,
        filename: str | None = None,
        item_id: str | None = None,
        filters: Filters | Mapping[str, Any] | None = None,
    ) -> Op[bool]:
        """Deletes the item at that path or of that id, or all that match.

        Raises:
            NotFound: there is no such item.
        """
        if item_id is not None:
            yield Request("DELETE", f"/items/{quote(item_id, safe='')}")
        elif filename is not None:
            item = yield from self.get.op(self, filename)
            yield Request("DELETE", f"/items/{item.id}")
        elif filters is not None:
            body = _filters(filters).prepare()
            yield from self._query({"delete": True, **{key: body[key] for key in body if key not in _PAGING}})
        else:
            raise BadRequest("give filename, item_id or filters")
        return True

    @operation
    def make_dir(self, directory: str) -> Op[Item[Colour]]:
        """Makes a folder, `/a/b`; one that is there is given back."""
        response: Response = yield Request(
            "POST",
            f"/datasets/{self.known_dataset_id()}/items",
            form={"type": "dir", "path": remote_folder(directory)},
            idempotent=True,
        )
        return self.item(response.json())


_PAGING = ("page", "pageSize", "sort")


def _filters(filters: Filters | Mapping[str, Any] | None) -> Filters:
    if isinstance(filters, Filters):
        return filters
    return Filters() if filters is None else Filters(custom_filter=filters)
