"""due diligence, reviews and offboarding

Revision: 0004
Revises: 0003
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    string = sqlmodel.sql.sqltypes.AutoString
    with op.batch_alter_table("evidence") as table:
        table.add_column(sa.Column("legal_name", string(length=4000), nullable=False, server_default=""))
        table.add_column(sa.Column("not_applicable", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("customers_may_see", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("next_review_on", sa.Date(), nullable=True))
        table.create_index("ix_evidence_next_review_on", ["next_review_on"])
    # A review that was vouched for before anybody was asked for a date falls due a year after it, like any other.
    review = sa.table("evidence", sa.column("id"), sa.column("kind"), sa.column("vouched_at", sqlmodel.sql.sqltypes.UTCDateTime()),
                      sa.column("next_review_on", sa.Date()))
    rows = op.get_bind().execute(sa.select(review.c.id, review.c.vouched_at).where(review.c.kind == "security_review"))
    for row in rows.all():
        day = row.vouched_at.date()
        again = day.replace(year=day.year + 1, day=28 if (day.month, day.day) == (2, 29) else day.day)
        op.execute(review.update().where(review.c.id == row.id).values(next_review_on=again))
    user, blob = "user_account.id", "blob.sha256"
    op.create_table(
        "offboarding",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("engagement_ref", string(length=60), nullable=False),
        sa.Column("change_id", sa.Integer(), nullable=False),
        sa.Column("opened_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("due_was", sa.Date(), nullable=True),
        sa.Column("moved_by", sa.Integer(), nullable=True),
        sa.Column("moved_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("moved_why", string(length=4000), nullable=False),
        sa.Column("what", string(length=20), nullable=False),
        sa.Column("words", string(length=4000), nullable=False),
        sa.Column("blob_sha256", string(length=64), nullable=True),
        sa.Column("file_name", string(length=200), nullable=False),
        sa.Column("confirmed_by", sa.Integer(), nullable=True),
        sa.Column("confirmed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["change_id"], ["change.id"], name="fk_offboarding_change_id"),
        sa.ForeignKeyConstraint(["moved_by"], [user], name="fk_offboarding_moved_by"),
        sa.ForeignKeyConstraint(["blob_sha256"], [blob], name="fk_offboarding_blob_sha256"),
        sa.ForeignKeyConstraint(["confirmed_by"], [user], name="fk_offboarding_confirmed_by"),
        sa.PrimaryKeyConstraint("id", name="pk_offboarding"),
        sa.UniqueConstraint("engagement_ref", name="uq_offboarding_engagement_ref"),
    )
    for column in ("change_id", "due_on", "confirmed_at"):
        op.create_index(f"ix_offboarding_{column}", "offboarding", [column])


def downgrade() -> None:
    op.drop_table("offboarding")
    with op.batch_alter_table("evidence") as table:
        table.drop_index("ix_evidence_next_review_on")
        for column in ("next_review_on", "customers_may_see", "not_applicable", "legal_name"):
            table.drop_column(column)
