"""Who names which large value, and fewer indexes to touch at each step."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
OPEN_CALL = sa.and_(sa.column("over").is_(sa.false()), sa.column("run_id").is_(None))

#: What nothing is found by any more: each was another page to write at each step.
DROPPED = ("ix_execution_node", "ix_execution_open")


def partial(name: str, columns: str, condition: sa.ColumnElement[bool]) -> None:
    op.create_index(name, "execution", columns.split(), sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    op.create_table(
        "large_value",
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("blob", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("owner", "blob", name="pk_large_value"),
    )
    op.create_index("ix_large_value_blob", "large_value", ["blob"])
    op.create_index("ix_response_run_id", "response", ["run_id"])
    for index in DROPPED:
        op.drop_index(index, "execution")
    of_pipeline = sa.column("pipeline_id").is_not(None)
    partial("ix_execution_pipeline_id_id", "pipeline_id id node_id status", of_pipeline)
    partial("ix_execution_open_call", "id", OPEN_CALL)
