"""The first tables: documents by kind, runs, executions, events and log lines."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN = sa.column("over").is_(sa.false())

DOCUMENTS = {
    "project": "name",
    "dataset": "project_id name hidden:bool",
    "item": "dataset_id project_id filename dir name type blob hidden:bool",
    "annotation": "item_id dataset_id",
    "recipe": "",
    "ontology": "",
    "pipeline": "project_id name status",
    "revision": "pipeline_id number:int",
    "package": "project_id name",
    "service": "project_id package_id name pipeline_id",
    "command": "type status",
    "trigger": "project_id pipeline_id service_id",
    "user": "",
    "setting": "",
}
UNIQUE = {"item": ("dataset_id", "filename"), "service": ("name",)}
INDEXES = {
    "project": ["name"],
    "dataset": ["project_id name"],
    "item": ["dataset_id id", "blob"],
    "annotation": ["item_id", "dataset_id id"],
    "pipeline": ["project_id name", "name"],
    "revision": ["pipeline_id number"],
    "package": ["project_id name", "name"],
    "service": ["pipeline_id"],
    "command": ["status"],
    "trigger": ["project_id", "pipeline_id", "service_id"],
    "run": ["pipeline_id id", "pipeline_id status"],
}
PARTIAL_INDEXES = {
    "ix_run_batch_id_status": ("run", "batch_id status", sa.column("batch_id").is_not(None)),
    "ix_run_open": ("run", "id", OPEN),
    "ix_execution_run_id_id": ("execution", "run_id id", sa.column("run_id").is_not(None)),
    "ix_execution_node": ("execution", "pipeline_id node_id status", sa.column("pipeline_id").is_not(None)),
    "ix_execution_service_id_id": ("execution", "service_id id", sa.column("service_id").is_not(None)),
    "ix_execution_open": ("execution", "id", OPEN),
    "ix_event_run_id_id": ("event", "run_id id", sa.column("run_id").is_not(None)),
    "ix_log_line_execution_id_id": ("log_line", "execution_id id", sa.column("execution_id").is_not(None)),
    "ix_log_line_run_id_id": ("log_line", "run_id id", sa.column("run_id").is_not(None)),
    "ix_log_line_service_id_id": ("log_line", "service_id id", sa.column("service_id").is_not(None)),
}


def columns(spec: str, *, null: bool = True) -> list[sa.Column[Any]]:
    types: dict[str, sa.types.TypeEngine[Any]] = {"": TEXT, "bool": sa.Boolean(), "int": BIG, "float": sa.Double()}
    found = (each.partition(":") for each in spec.split())
    return [sa.Column(name, types[type_], nullable=null) for name, _, type_ in found]


def upgrade() -> None:
    for name, promoted in DOCUMENTS.items():
        constraints = []
        if name in UNIQUE:
            constraint = f"uq_{name}_{'_'.join(UNIQUE[name])}"
            constraints.append(sa.UniqueConstraint(*UNIQUE[name], name=constraint))
        op.create_table(
            name,
            sa.Column("id", TEXT, nullable=False),
            *columns(f"created_at updated_at {promoted}"),
            *columns("body", null=False),
            *columns("private"),
            sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
            *constraints,
        )
    op.create_table(
        "run",
        *columns("id pipeline_id project_id revision_id status creator created_at updated_at", null=False),
        *columns("batch_id start_node"),
        *columns("test_mode:bool inputs", null=False),
        *columns("error transition_errors started_at ended_at"),
        *columns("over:bool", null=False),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
    )
    op.create_table(
        "execution",
        *columns("id function_name status creator created_at updated_at", null=False),
        *columns("run_id node_id"),
        *columns("visit:int", null=False),
        *columns("pipeline_id project_id service_id service_name"),
        *columns("attempt:int max_attempts:int fence:int", null=False),
        *columns("worker lease_until"),
        *columns("input", null=False),
        *columns("output closed error percent:float message batch_id"),
        *columns("to_terminate:bool", null=False),
        *columns("started_at ended_at seq:int"),
        *columns("log over:bool", null=False),
        sa.PrimaryKeyConstraint("id", name="pk_execution"),
    )
    op.create_table(
        "event",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        *columns("run_id execution_id"),
        *columns("kind at body", null=False),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
    )
    op.create_table(
        "log_line",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        *columns("execution_id run_id service_id"),
        *columns("at level message stream", null=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_line"),
    )
    for name, indexes in INDEXES.items():
        for index in indexes:
            op.create_index(f"ix_{name}_{index.replace(' ', '_')}", name, index.split())
    for index, (name, spec, condition) in PARTIAL_INDEXES.items():
        op.create_index(index, name, spec.split(), sqlite_where=condition, postgresql_where=condition)
