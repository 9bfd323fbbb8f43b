"""a customer's own page: its contacts by itself, requests for a link, who gave a consent

Revision: 0008
Revises: 0007
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TEXT, _MOMENT = sqlmodel.sql.sqltypes.AutoString, sqlmodel.sql.sqltypes.UTCDateTime


def upgrade() -> None:
    op.create_table(
        "contact_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", _TEXT(length=36), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("act", _TEXT(length=8), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=True),
        sa.Column("email", _TEXT(length=254), nullable=False),
        sa.Column("name", _TEXT(length=200), nullable=False),
        sa.Column("phone", _TEXT(length=60), nullable=False),
        sa.Column("role", _TEXT(length=12), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=False),
        sa.Column("asked_at", _MOMENT(), nullable=False),
        sa.Column("expires_at", _MOMENT(), nullable=False),
        sa.Column("confirmed_at", _MOMENT(), nullable=True),
        sa.Column("made_id", sa.Integer(), nullable=True),
        sa.Column("dropped_at", _MOMENT(), nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_contact_change_customer_id")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_contact_change_contact_id")),
        sa.ForeignKeyConstraint(["asked_by"], ["contact.id"], name=op.f("fk_contact_change_asked_by")),
        sa.ForeignKeyConstraint(["made_id"], ["contact.id"], name=op.f("fk_contact_change_made_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_change")),
        sa.UniqueConstraint("uid", name=op.f("uq_contact_change_uid")),
    )
    op.create_index(op.f("ix_contact_change_customer_id"), "contact_change", ["customer_id"])
    op.create_table(
        "page_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", _TEXT(length=254), nullable=False),
        sa.Column("asked_at", _MOMENT(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page_request")),
    )
    for name in ("consent_name", "consent_function"):
        op.add_column("notice_change", sa.Column(name, _TEXT(length=200), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("notice_change", "consent_function")
    op.drop_column("notice_change", "consent_name")
    op.drop_table("page_request")
    op.drop_index(op.f("ix_contact_change_customer_id"), table_name="contact_change")
    op.drop_table("contact_change")
