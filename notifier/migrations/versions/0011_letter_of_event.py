"""the letter that an event is about

Revision: 0011
Revises: 0010
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "delivery_event",
        sa.Column("letter", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False, server_default=""),
    )


def downgrade() -> None:
    op.drop_column("delivery_event", "letter")
