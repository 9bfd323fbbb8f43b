"""the fields a notice needs of a sub-processor

Revision: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXTS = {"sub_processor": ("contact_position", "contact_address"), "engagement": ("delimitation", "duration")}
LISTS = ("special_categories", "remote_access", "transfers")


def upgrade() -> None:
    for table, names in TEXTS.items():
        for name in names:
            op.add_column(table, sa.Column(name, sa.String(4000), nullable=False, server_default=""))
    for name in LISTS:
        kind = sa.JSON(none_as_null=True)
        op.add_column("engagement", sa.Column(name, kind, nullable=False, server_default=sa.text("'[]'")))


def downgrade() -> None:
    for name in LISTS:
        op.drop_column("engagement", name)
    for table, names in TEXTS.items():
        for name in names:
            op.drop_column(table, name)
