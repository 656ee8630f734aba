"""The tables, as SQLAlchemy has them: for searching, for questions that are seldom, for migrations.

The law: a document's body is its truth; a column beside it (see `shapes`) exists to find it, and holds the same value.

Every kind of document is one table: `id`, its promoted fields, `body` (JSON text) and `private` (JSON text of the keys
that begin with `_`). Runs, executions, events and log lines are rows with columns of their own.
Times are text as on the wire: of fixed width, so that their order as text is their order in time. Text compares by code
point in every database (PostgreSQL needs to be told so), as it does in Python.

Whoever imports this waits for SQLAlchemy, half a second: a start does without it. What to do beside changing anything
here is said in `shapes`.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from mock_server.store.base import Kind
from mock_server.store.shapes import ALWAYS, SHAPES, VERSION, Shape
from mock_server.store.values import TABLE as LARGE_VALUES

metadata = sa.MetaData(naming_convention={"pk": "pk_%(table_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"})

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TYPES: dict[type, sa.types.TypeEngine[Any]] = {str: TEXT, bool: sa.Boolean(), int: _BIG, float: sa.Double()}

version = sa.Table(VERSION, metadata, sa.Column("version_num", sa.String(32), primary_key=True))


def _table(kind: Kind, shape: Shape) -> sa.Table:
    columns = {each.key: each.column for each in (*ALWAYS, *shape.promoted)}
    table = sa.Table(
        kind.value,
        metadata,
        sa.Column("id", TEXT, primary_key=True),
        *(sa.Column(each.column, _TYPES[each.type]) for each in (*ALWAYS[1:], *shape.promoted)),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("private", TEXT),
    )
    if shape.unique:
        table.append_constraint(sa.UniqueConstraint(*(columns[key] for key in shape.unique)))
    for keys in shape.indexes:
        names = [columns[key] for key in keys]
        sa.Index(f"ix_{kind.value}_{'_'.join(names)}", *(table.c[name] for name in names))
    return table


#: For each kind its table.
DOCUMENTS: dict[Kind, sa.Table] = {kind: _table(kind, shape) for kind, shape in SHAPES.items()}


def _id() -> sa.Column[Any]:
    return sa.Column("id", TEXT, primary_key=True)


def _columns(spec: str, type_: type = str, *, null: bool = True) -> list[sa.Column[Any]]:
    return [sa.Column(name, _TYPES[type_], nullable=null) for name in spec.split()]


def _over() -> sa.Column[Any]:
    """Whether the status is a terminal one; an index on `status NOT IN (...)` would double the cost of a change."""
    return sa.Column("over", sa.Boolean(), nullable=False)


def _counter(name: str) -> sa.Column[Any]:
    return sa.Column(name, _BIG, nullable=False, server_default="0")


def _partial_index(name: str, condition: sa.ColumnElement[bool], *columns: sa.Column[Any]) -> None:
    # Without PostgreSQL's word for it, which would load its dialect: `postgres` adds that when it is there.
    sa.Index(name, *columns, sqlite_where=condition)


runs = sa.Table(
    "run",
    metadata,
    _id(),
    *_columns("pipeline_id project_id revision_id status creator created_at updated_at", null=False),
    *_columns("batch_id start_node"),
    *_columns("test_mode", bool, null=False),
    *_columns("inputs", null=False),
    *_columns("error transition_errors started_at ended_at"),
    *_columns("surface extra"),
    _counter("priority"),
    sa.Column("paused", sa.Boolean(), nullable=False, server_default=sa.false()),
    _over(),
)
open_run = runs.c.over.is_(sa.false())
sa.Index("ix_run_pipeline_id_id", runs.c.pipeline_id, runs.c.id)
sa.Index("ix_run_pipeline_id_status", runs.c.pipeline_id, runs.c.status)
_partial_index("ix_run_batch_id_status", runs.c.batch_id.is_not(None), runs.c.batch_id, runs.c.status)
_partial_index("ix_run_open", open_run, runs.c.id)
_partial_index("ix_run_surface_id", runs.c.surface.is_not(None), runs.c.surface, runs.c.id)

executions = sa.Table(
    "execution",
    metadata,
    _id(),
    *_columns("function_name status creator created_at updated_at", null=False),
    *_columns("run_id node_id"),
    *_columns("visit", int, null=False),
    *_columns("pipeline_id project_id service_id service_name"),
    *_columns("attempt max_attempts fence", int, null=False),
    *_columns("worker lease_until"),
    *_columns("input", null=False),
    *_columns("output closed error"),
    *_columns("percent", float),
    *_columns("message batch_id"),
    *_columns("to_terminate", bool, null=False),
    *_columns("started_at ended_at"),
    *_columns("seq", int),
    *_columns("log", null=False),
    *_columns("available_at deadline_at"),
    _counter("priority"),
    _over(),
)
open_execution = executions.c.over.is_(sa.false())
_partial_index("ix_execution_run_id_id", executions.c.run_id.is_not(None), executions.c.run_id, executions.c.id)
# in the order of the ids: a step then touches the last page of it, and not one for each node
_partial_index(
    "ix_execution_pipeline_id_id",
    executions.c.pipeline_id.is_not(None),
    executions.c.pipeline_id,
    executions.c.id,
    executions.c.node_id,
    executions.c.status,
)
_partial_index(
    "ix_execution_service_id_id", executions.c.service_id.is_not(None), executions.c.service_id, executions.c.id
)
# those of runs are found by the runs that are open
_partial_index("ix_execution_open_call", sa.and_(open_execution, executions.c.run_id.is_(None)), executions.c.id)

events = sa.Table(
    "event",
    metadata,
    sa.Column("id", _BIG, primary_key=True, autoincrement=False),
    *_columns("run_id execution_id"),
    *_columns("kind at body", null=False),
)
_partial_index("ix_event_run_id_id", events.c.run_id.is_not(None), events.c.run_id, events.c.id)

log_lines = sa.Table(
    "log_line",
    metadata,
    sa.Column("id", _BIG, primary_key=True, autoincrement=False),
    *_columns("execution_id run_id service_id"),
    *_columns("at level message stream", null=False),
)
for _owner in (log_lines.c.execution_id, log_lines.c.run_id, log_lines.c.service_id):
    _partial_index(f"ix_log_line_{_owner.name}_id", _owner.is_not(None), _owner, log_lines.c.id)

large_values = sa.Table(
    LARGE_VALUES,
    metadata,
    sa.Column("owner", TEXT, primary_key=True),
    sa.Column("blob", TEXT, primary_key=True),
)
sa.Index("ix_large_value_blob", large_values.c.blob)
