"""customers who come late: the annex they accepted, what they were told, what stopped concerning them

Revision: 0010
Revises: 0009
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("customer", sa.Column("annex_edition", sa.Integer(), nullable=True))
    op.add_column("notice_change", sa.Column("freed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
    op.add_column(
        "announcement",
        sa.Column("joining", sqlmodel.sql.sqltypes.AutoString(length=12), nullable=False, server_default=""),
    )
    op.add_column("announcement", sa.Column("annex_edition", sa.Integer(), nullable=True))
    op.add_column("announcement", sa.Column("elsewhere_on", sa.Date(), nullable=True))


def downgrade() -> None:
    op.drop_column("announcement", "elsewhere_on")
    op.drop_column("announcement", "annex_edition")
    op.drop_column("announcement", "joining")
    op.drop_column("notice_change", "freed_at")
    op.drop_column("customer", "annex_edition")
