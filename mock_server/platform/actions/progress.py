"""The state of a run of actions, and how reports change it. Pure: no store, no clock.

The vocabulary's own words and shapes are kept as they are told: `extra` belongs to the surface that a run was begun in.
Times in it are naive UTC with microseconds, as that surface has them; in memory they are aware.

    pending ──> running ──> completed | failed | cancelled
       └───────────────────────^

A report may skip `running`. Saying again what is so changes nothing. A run that is over takes no more reports of
progress; its status can be set to another one only where that is allowed (a run that somebody else drives, and
`strict` not asked for).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from dtlpipe.errors import Conflict, UnprocessableEntity
from mock_server.platform import lifecycle
from mock_server.store.base import RunRow

SURFACE = "synapse"

#: The surface's words for a run's status; going back, each word has one status.
WORDS = {
    lifecycle.PENDING: "pending",
    lifecycle.CREATED: "pending",
    lifecycle.RUNNING: "running",
    lifecycle.RERUN: "running",
    lifecycle.SUCCESS: "completed",
    lifecycle.FAILED: "failed",
    lifecycle.TERMINATED: "cancelled",
}
STATUSES = {
    "pending": lifecycle.PENDING,
    "running": lifecycle.RUNNING,
    "completed": lifecycle.SUCCESS,
    "failed": lifecycle.FAILED,
    "cancelled": lifecycle.TERMINATED,
}
OVER = frozenset({"completed", "failed", "cancelled"})

#: Who drives a run: nobody yet, the platform's worker, or reports from outside.
PLATFORM, EXTERNAL = "platform", "external"

Entry = dict[str, Any]


def naive(moment: datetime | None) -> str | None:
    """`2025-01-02T03:04:05.123456`: UTC, without saying so."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def aware(text: str | None) -> datetime | None:
    """A time that was told with or without its zone; without one it is UTC."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def node_id(index: int) -> str:
    """Of the node of the action at that place."""
    return f"action-{index}"


def class_name(entrypoint: str) -> str:
    """The last part of `pkg.mod.Class` or `pkg.mod:Class`."""
    return entrypoint.replace(":", ".").rpartition(".")[2]


def fresh_entry(name: str) -> Entry:
    """An action that nothing is known of yet."""
    return {
        "name": name,
        "status": "pending",
        "progress": 0.0,
        "progress_category": None,
        "message": None,
        "metrics": {},
        "started_at": None,
        "completed_at": None,
        "error": None,
    }


def fresh_details(actions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What `extra` holds for a new run."""
    return {
        "driver": None,
        "execute": None,
        "params": None,
        "work_dir": None,
        "current_action": None,
        "current_action_index": 0,
        "actions": [fresh_entry(each.get("name") or f"action_{index}") for index, each in enumerate(actions)],
        "classes": [class_name(each.get("entrypoint") or "") for each in actions],
        "result": None,
        "error": None,
        "resumed_from": None,
        "seq": 0,
    }


#: What is told of an action, as a node's status.
_NODES = {**STATUSES, "skipped": lifecycle.SUCCESS}


def is_ours(row: RunRow) -> bool:
    """Whether the run is one of actions."""
    return row.surface == SURFACE


def told_of_nodes(row: RunRow) -> dict[str, str]:
    """Statuses of nodes of which there are no executions, as reports told them; nothing for runs of other surfaces.

    A node of which the last report says that it runs ended as its run did, if that is over.
    """
    if not is_ours(row):
        return {}
    told = {node_id(index): _NODES[each["status"]] for index, each in enumerate((row.extra or {})["actions"])}
    if not lifecycle.is_final(row.status):
        return told
    over = lifecycle.node_status([row.status])
    return {id: over if status == lifecycle.RUNNING else status for id, status in told.items()}


def driven_elsewhere(row: RunRow) -> bool:
    """Whether the worker has nothing to do with the run: it waits for a driver, or is driven by reports."""
    return is_ours(row) and (row.extra or {}).get("driver") != PLATFORM


@attrs.define
class ActionRun:
    """A run in the making: its row, and its details, which are the row's `extra`. `changed` are columns to be set."""

    row: RunRow
    details: dict[str, Any]
    changed: dict[str, Any] = attrs.field(factory=dict)

    @property
    def word(self) -> str:
        """Its status, in the surface's words."""
        return WORDS[self.row.status]

    @property
    def over(self) -> bool:
        return self.word in OVER

    @property
    def entries(self) -> list[Entry]:
        found: list[Entry] = self.details["actions"]
        return found

    def index_of(self, name: str | None) -> int | None:
        """The place of the action that is registered under the name, or whose class has it."""
        if name is None:
            return None
        for names in ([each["name"] for each in self.entries], self.details["classes"]):
            if name in names:
                return names.index(name)
        return None

    def names_of(self, name: str) -> set[str]:
        """All names of the action that is meant by this one."""
        index = self.index_of(name)
        return {name} if index is None else {name, self.entries[index]["name"], self.details["classes"][index]}

    # --- changes ------------------------------------------------------------------------------------------------------

    def set(self, **columns: Any) -> None:
        """Sets columns of the row."""
        for name, value in columns.items():
            setattr(self.row, name, value)
        self.changed |= columns

    def move(self, word: str, at: datetime) -> None:
        """Another status, with its time; the first of each counts."""
        if word == self.word:
            return
        self.set(status=STATUSES[word])
        if word == "running" and self.row.started_at is None:
            self.set(started_at=at)
        if word in OVER:
            if not self.row.ended_at:
                self.set(ended_at=at)
        elif self.row.ended_at is not None:
            self.set(ended_at=None)

    def take_driver(self, driver: str) -> None:
        """The first who drives it goes on to."""
        if self.details["driver"] is None:
            self.details["driver"] = driver

    def check_move(self, word: str | None, *, strict: bool) -> None:
        """Raises Conflict for a status that the run cannot be given."""
        if word is None or word == self.word:
            return
        if self.details["driver"] == PLATFORM and (self.over or word != "running"):
            raise Conflict(f"Run {self.row.id} is {self.word} and driven by the platform: it cannot be set to {word}")
        if self.over and strict:
            raise Conflict(f"Run {self.row.id} is {self.word} already: it cannot be set to {word}")

    def report(self, told: Mapping[str, Any], at: datetime, *, index: int | None) -> None:
        """Takes over a report: `current_action`, `current_action_index`, `status`, `action_progress`, `error`.

        `index` is of the action that it speaks of. Raises Conflict for a run that is over, unless the report says
        no more than that.
        """
        word = told.get("status")
        if self.over and self._is_repeated(told, at, index):
            return
        if self.over and (told.get("action_progress") is not None or word not in (None, self.word)):
            raise Conflict(f"Run {self.row.id} is {self.word} already: it takes no more reports")
        self.check_move(word, strict=True)
        if told.get("current_action") is not None:
            self.details["current_action"] = told["current_action"]
        if index is not None:
            self.details["current_action_index"] = index
        if told.get("action_progress") is not None:
            merge(self.entries[self.details["current_action_index"]], told["action_progress"], at, self.details)
        if told.get("error") is not None:
            self.fail_with(told["error"])
        if word is not None:
            self.move(word, at)

    def _is_repeated(self, told: Mapping[str, Any], at: datetime, index: int | None) -> bool:
        """Whether it says what is known: somebody did not hear the answer to it, and sent it again."""
        if told.get("action_progress") is None or told.get("status") != self.word:
            return False
        entry = self.entries[self.details["current_action_index"] if index is None else index]
        after = dict(entry)
        merge(after, told["action_progress"], at, self.details)
        return after == entry

    def fail_with(self, error: str) -> None:
        """Why it failed, in words."""
        self.details["error"] = error
        self.set(error={"type": "Reported", "message": error, "traceback": "", "cause": "exception"})

    # --- shapes -------------------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Its progress, as the surface shows it."""
        return {
            "run_id": self.row.id,
            "pipeline_id": self.row.pipeline_id,
            "status": self.word,
            "current_action": self.details["current_action"],
            "current_action_index": self.details["current_action_index"],
            "progress": self.entries,
            "error": self.error,
            "started_at": naive(self.row.started_at),
            "completed_at": naive(self.row.ended_at),
        }

    def shown(self) -> dict[str, Any]:
        """The run, as the surface shows it."""
        found = self.snapshot()
        return {
            "id": found.pop("run_id"),
            **found,
            "params": self.details["params"],
            "result": self.details["result"],
            "work_dir": self.details["work_dir"],
            "created_at": naive(self.row.created_at),
            "resumed_from": self.details["resumed_from"],
            "driver": self.details["driver"],
        }

    @property
    def error(self) -> str | None:
        """What went wrong, as `<type>: <message>` if the platform's own worker found it."""
        said: str | None = self.details["error"]
        if said is not None or self.row.error is None:
            return said
        return f"{self.row.error.get('type')}: {self.row.error.get('message')}"


def merge(entry: Entry, told: Mapping[str, Any], at: datetime, details: Mapping[str, Any]) -> None:
    """Lays a report of an action over what is known of it. What it does not say, or says with null, stays as it is."""
    name = told.get("name")
    news = {key: value for key, value in told.items() if value is not None and key != "name"}
    if not news.get("metrics"):
        news.pop("metrics", None)
    if name is not None and name not in details["classes"]:
        entry["name"] = name
    if "progress_step" in news:
        news.setdefault("progress_category", news["progress_step"])
    if news.get("status") in ("running", "completed") and "error" not in news:
        news["error"] = None
    entry.update(news)
    status = news.get("status")
    if status == "running" and entry["started_at"] is None:
        entry["started_at"] = naive(at)
    if status == "running":
        entry["completed_at"] = news.get("completed_at")
    if status in ("completed", "failed", "skipped") and entry["completed_at"] is None:
        entry["completed_at"] = naive(at)
    if status == "completed" and "progress" not in news:
        entry["progress"] = 1.0


def check_index(run: ActionRun, index: int, key: str) -> None:
    """Raises UnprocessableEntity for a place that the pipeline has no action at."""
    if not 0 <= index < len(run.entries):
        fault: dict[str, Any] = {
            "type": "less_than",
            "loc": ["body", key],
            "msg": f"Run has {len(run.entries)} actions: there is none at {index}",
            "input": index,
            "ctx": {"lt": len(run.entries)},
        }
        raise UnprocessableEntity(str(fault["msg"]), errors=[fault])


def in_common(run: ActionRun, names: Sequence[str]) -> int:
    """How many actions the run and a pipeline of these have in common, from the first on."""
    same = 0
    for entry, name in zip(run.entries, names, strict=False):
        if entry["name"] != name:
            break
        same += 1
    return same


def set_details(run: ActionRun, changes: Mapping[str, Any]) -> None:
    """Takes over what a change says of a run beside its status. Raises UnprocessableEntity for actions too many."""
    if changes.get("current_action_index") is not None:
        check_index(run, changes["current_action_index"], "current_action_index")
    for key in ("result", "current_action", "current_action_index"):
        if changes.get(key) is not None:
            run.details[key] = changes[key]
    if changes.get("progress"):
        check_index(run, len(changes["progress"]) - 1, "progress")
        run.details["actions"] = _entries(run, changes["progress"])


def _entries(run: ActionRun, told: Any) -> list[Entry]:
    fresh = run.entries
    made = []
    for index, each in enumerate(told):
        before = fresh[index] if index < len(fresh) else {}
        made.append({**before, **{key: value for key, value in each.items() if value is not None}})
    return [*made, *fresh[len(made) :]]
