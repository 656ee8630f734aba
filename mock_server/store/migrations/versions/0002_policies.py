"""When and in which order work is started, what other vocabularies keep, and their kinds of documents."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

DOCUMENTS = {
    "deployment": "name project_id",
    "file": "purpose blob",
    "response": "status run_id",
    "worker": "name status",
    "action": "run_id name index:int",
    "checkpoint": "run_id action_name",
}
UNIQUE = {"deployment": ("name",)}
INDEXES = {"file": ["blob"], "action": ["run_id index"], "checkpoint": ["run_id id"]}


def columns(spec: str, *, null: bool = True) -> list[sa.Column[Any]]:
    types: dict[str, sa.types.TypeEngine[Any]] = {"": TEXT, "int": BIG}
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
    for name, indexes in INDEXES.items():
        for index in indexes:
            op.create_index(f"ix_{name}_{index.replace(' ', '_')}", name, index.split())
    for column in columns("surface extra"):
        op.add_column("run", column)
    op.add_column("run", sa.Column("priority", BIG, nullable=False, server_default="0"))
    op.add_column("run", sa.Column("paused", sa.Boolean(), nullable=False, server_default=sa.false()))
    for column in columns("available_at deadline_at"):
        op.add_column("execution", column)
    op.add_column("execution", sa.Column("priority", BIG, nullable=False, server_default="0"))
    known = sa.column("surface").is_not(None)
    op.create_index("ix_run_surface_id", "run", ["surface", "id"], sqlite_where=known, postgresql_where=known)
