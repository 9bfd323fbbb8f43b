"""the periods in which customers bought a service

Revision: 0008
Revises: 0006
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "earlier_service",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("bought_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_earlier_service_customer_id")),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_earlier_service_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_earlier_service")),
    )
    op.create_index(op.f("ix_earlier_service_customer_id"), "earlier_service", ["customer_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_earlier_service_customer_id"), table_name="earlier_service")
    op.drop_table("earlier_service")
