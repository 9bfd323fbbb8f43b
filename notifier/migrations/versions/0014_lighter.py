"""indexes that cost every letter a write and that another one can serve for

Revision: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# table, column: each has a unique constraint that begins with the column, or that every search for it can use
SPARED = (("audience_row", "announcement_id"), ("correction", "change_id"), ("link", "target_id"),
          ("notice", "announcement_id"), ("notice_change", "notice_id"))
HAS_ID = sa.text("provider_id <> ''")  # most of its life a letter has none


def upgrade() -> None:
    for table, column in SPARED:
        op.drop_index(op.f(f"ix_{table}_{column}"), table_name=table)
    op.drop_index(op.f("ix_delivery_provider_id"), table_name="delivery")
    op.create_index(op.f("ix_delivery_provider_id"), "delivery", ["provider_id"], sqlite_where=HAS_ID,
                    postgresql_where=HAS_ID)


def downgrade() -> None:
    op.drop_index(op.f("ix_delivery_provider_id"), table_name="delivery")
    op.create_index(op.f("ix_delivery_provider_id"), "delivery", ["provider_id"], unique=False)
    for table, column in SPARED:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
