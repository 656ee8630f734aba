"""What is searched and counted, for people: in SQLAlchemy's words, which are loaded with this module."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from mock_server.store.base import Event, ExecutionRow, Happening, Kind, LogLine, Query, RunRow, Where
from mock_server.store.codec import Whole, time_text
from mock_server.store.dialect import Db
from mock_server.store.find import Found, Search, Source, at_path, equalities, equals
from mock_server.store.request import Join
from mock_server.store.rows import EVENTS, EXECUTIONS, LOG_LINES, RUNS
from mock_server.store.schema import events, executions, log_lines, metadata, runs
from mock_server.store.sources import EXECUTION_SOURCE, RUN_SOURCE, SOURCES

_PROJECT = sa.func.coalesce(executions.c.project_id, runs.c.project_id)
_PIPELINE = sa.func.coalesce(executions.c.pipeline_id, runs.c.pipeline_id)
_HAPPENINGS = (
    EVENTS.select.add_columns(_PROJECT, _PIPELINE, executions.c.node_id, executions.c.service_id)
    .select_from(
        events.outerjoin(executions, executions.c.id == events.c.execution_id).outerjoin(
            runs, runs.c.id == events.c.run_id
        )
    )
    .order_by(events.c.id)
)
_ENDED = sa.case((events.c.kind.like("%.ended") | (events.c.kind == "run.called_off"), events.c.body), else_="{}")
CHUNK = 500  # rows fetched at a time
_SEVERITY = {"debug": 10, "info": 20, "warning": 30, "warn": 30, "error": 40, "critical": 50, "fatal": 50}


def count(db: Db, kind: Kind, where: Where | None) -> int:
    """How many documents there are."""
    source = SOURCES[kind]
    select = sa.select(sa.func.count()).select_from(source.table).where(*equalities(source, where))
    return db.core.execute(select).scalar_one()


def search(db: Db, kind: Kind, query: Query, where: Where | None) -> Search:
    """The query, ready to run. Raises BadRequest."""
    return Search.prepare(SOURCES[kind], query, where, lambda join: _joined(db, join, where))


def find_runs(db: Db, query: Query, where: Where | None, whole: Whole) -> tuple[list[RunRow], int]:
    """See `base.Store`."""
    found = _find(db, RUN_SOURCE, query, where)
    return RUNS.decode_all(found.rows, whole), found.total


def find_executions(db: Db, query: Query, where: Where | None, whole: Whole) -> tuple[list[ExecutionRow], int]:
    """See `base.Store`."""
    found = _find(db, EXECUTION_SOURCE, query, where)
    return EXECUTIONS.decode_all(found.rows, whole), found.total


def _find(db: Db, source: Source, query: Query, where: Where | None) -> Found:
    return Search.prepare(source, query, where, lambda join: _joined(db, join, where)).run(db)


def _joined(db: Db, join: Join, where: Where | None) -> frozenset[str]:
    """What the other kind's matches have at the join's key; within the same dataset, if it is given."""
    source = SOURCES[join.kind]
    same = {key: value for key, value in (where or {}).items() if key == "datasetId" and key in source.wheres}
    search = Search.prepare(source, {"filter": join.query}, same, lambda _: frozenset())
    steps, last = join.other_key.split("."), ""
    values: set[str] = set()
    while True:
        rows, following = search.chunk(db, last, CHUNK)
        found = (at_path(source.document(row), steps) for row in rows)
        values.update(value for value in found if isinstance(value, str))
        if following is None:
            return frozenset(values)
        last = following


def run_counts(db: Db, pipeline_id: str | None, batch_id: str | None, since: datetime | None) -> dict[str, int]:
    """See `base.Store`."""
    select = sa.select(runs.c.status, sa.func.count()).group_by(runs.c.status)
    if pipeline_id is not None:
        select = select.where(equals(runs.c.pipeline_id, pipeline_id))
    if batch_id is not None:
        select = select.where(equals(runs.c.batch_id, batch_id))
    if since is not None:
        select = select.where(runs.c.created_at >= time_text(since))
    return {row[0]: row[1] for row in db.core.execute(select)}


def node_counts(db: Db, pipeline_id: str, since: datetime | None) -> dict[str, dict[str, int]]:
    """See `base.Store`."""
    node, status = executions.c.node_id, executions.c.status
    select = sa.select(node, status, sa.func.count()).where(equals(executions.c.pipeline_id, pipeline_id))
    if since is not None:
        select = select.where(executions.c.created_at >= time_text(since))
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for node_id, each, number in db.core.execute(select.where(node.is_not(None)).group_by(node, status)):
        counts[node_id][each] = number
    return dict(counts)


def logs(
    db: Db,
    *,
    execution_ids: Sequence[str] | None,
    run_id: str | None,
    service_id: str | None,
    after_id: int,
    limit: int,
    level: str | None,
    text: str | None,
    since: datetime | None,
    until: datetime | None,
    function_name: str | None,
) -> list[LogLine]:
    """See `base.Store`."""
    table = log_lines.c
    select = LOG_LINES.select.where(table.id > after_id).order_by(table.id)
    if execution_ids is not None:
        select = select.where(equals(table.execution_id, list(execution_ids)))
    if run_id is not None:
        select = select.where(equals(table.run_id, run_id))
    if service_id is not None:
        select = select.where(equals(table.service_id, service_id))
    if level is not None:
        least = _SEVERITY.get(level.lower(), 0)
        lesser = [name for name, severity in _SEVERITY.items() if severity < least]
        select = select.where(sa.func.lower(table.level).not_in(lesser))
    if since is not None:
        select = select.where(table.at >= time_text(since))
    if until is not None:
        select = select.where(table.at <= time_text(until))
    if function_name is not None:
        of_function = sa.select(executions.c.id).where(equals(executions.c.function_name, function_name))
        select = select.where(table.execution_id.in_(of_function))
    if text is None:
        return LOG_LINES.decode_all(db.core.execute(select.limit(limit)))
    needle, found = text.casefold(), []
    at_message = LOG_LINES.names.index("message")
    with db.core.execute(select, execution_options={"yield_per": CHUNK}) as rows:
        for row in rows:
            if needle in row[at_message].casefold():
                found.append(LOG_LINES.decode(row))
                if len(found) == limit:
                    break
    return found


def events_of(db: Db, run_id: str | None, after_id: int, limit: int) -> list[Event]:
    """See `base.Store`."""
    select = EVENTS.select.where(events.c.id > after_id).order_by(events.c.id).limit(limit)
    if run_id is not None:
        select = select.where(equals(events.c.run_id, run_id))
    return EVENTS.decode_all(db.core.execute(select))


@cache
def _of(*wanted: str) -> sa.Select[Any]:
    """The question for events of what is named. Made once, as it is asked after each change while anybody listens."""
    columns = {"run": events.c.run_id, "pipeline": _PIPELINE, "project": _PROJECT}
    named = [columns[key] == sa.bindparam(key) for key in wanted]
    return _HAPPENINGS.where(events.c.id > sa.bindparam("after"), *named).limit(sa.bindparam("most"))


def happenings(db: Db, after_id: int, limit: int, given: Mapping[str, str]) -> list[Happening]:
    """See `Inspection.happenings`."""
    rows = db.core.execute(_of(*given), {"after": after_id, "most": limit, **given}).all()
    names = ("project_id", "pipeline_id", "node_id", "service_id")
    return [Happening(**EVENTS.fields(row[:-4]), **dict(zip(names, row[-4:], strict=True))) for row in rows]


def history(db: Db, run_ids: list[str]) -> Iterable[Any]:
    """For each event of the runs, in order: run, execution, kind, and what an end tells."""
    select = sa.select(events.c.run_id, events.c.execution_id, events.c.kind, _ENDED).order_by(events.c.id)
    return db.core.execute(select.where(equals(events.c.run_id, run_ids)))


def read_all(db: Db) -> None:
    """Read each table from its beginning to its end."""
    for table in metadata.sorted_tables:
        db.core.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
