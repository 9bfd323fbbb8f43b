"""the periods in which customers bought a service, and files of customers on their way in

Revision: 0007
Revises: 0006
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0007"
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
    op.create_table(
        "customer_upload",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("skip_bad", sa.Boolean(), nullable=False),
        sa.Column("uploaded_by", sa.Integer(), nullable=True),
        sa.Column("uploaded_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("checked_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("outlook", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("refused", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("wanted_by", sa.Integer(), nullable=True),
        sa.Column("wanted_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("done_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("discarded_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["uploaded_by"], ["user_account.id"], name=op.f("fk_customer_upload_uploaded_by")),
        sa.ForeignKeyConstraint(["wanted_by"], ["user_account.id"], name=op.f("fk_customer_upload_wanted_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_upload")),
        sa.UniqueConstraint("uid", name=op.f("uq_customer_upload_uid")),
    )


def downgrade() -> None:
    op.drop_table("customer_upload")
    op.drop_index(op.f("ix_earlier_service_customer_id"), table_name="earlier_service")
    op.drop_table("earlier_service")
