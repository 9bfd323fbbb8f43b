"""the lane letters leave by

Revision: 0006
Revises: 0005
"""

import zlib

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    lane = op.create_table(
        "lane",
        sa.Column("transport", sqlmodel.sql.sqltypes.AutoString(length=12), nullable=False),
        sa.Column("paused_until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("shut_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("words", sqlmodel.sql.sqltypes.AutoString(length=500), nullable=False),
        sa.PrimaryKeyConstraint("transport", name=op.f("pk_lane")),
    )
    # There from the start: two workers that meet the first trouble at once need not both make the row.
    op.bulk_insert(lane, [{"transport": t, "failures": 0, "words": ""} for t in ("mailjet", "smtp", "outbox")])
    op.add_column("delivery", sa.Column("hindered_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
    op.add_column(
        "provider_post",
        sa.Column("source", sqlmodel.sql.sqltypes.AutoString(length=12), nullable=False, server_default="mailjet"),
    )
    op.add_column(
        "blob",
        sa.Column("base_sha256", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False, server_default=""),
    )
    op.drop_index(op.f("ix_delivery_state"), table_name="delivery")  # ix_delivery_claim begins with the state
    op.add_column("announcement", sa.Column("abandoned_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
    op.add_column("announcement", sa.Column("abandoned_why", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    op.drop_column("announcement", "abandoned_why")
    op.drop_column("announcement", "abandoned_at")
    op.create_index(op.f("ix_delivery_state"), "delivery", ["state"], unique=False)
    _unbase()
    op.drop_column("blob", "base_sha256")
    op.drop_column("provider_post", "source")
    op.drop_column("delivery", "hindered_at")
    op.drop_table("lane")


def _unbase() -> None:
    """An earlier version reads letters that are packed by themselves only."""
    blob = sa.table("blob", *map(sa.column, ("sha256", "packing", "base_sha256", "body")))
    connection = op.get_bind()
    for sha256, base, body in connection.execute(
        sa.select(blob.c.sha256, blob.c.base_sha256, blob.c.body).where(blob.c.packing == "based")
    ).all():
        held = connection.scalar(sa.select(blob.c.body).where(blob.c.sha256 == base))
        whole = zlib.decompressobj(zdict=zlib.decompress(held)).decompress(body)
        connection.execute(blob.update().where(blob.c.sha256 == sha256).values(
            packing="zlib", body=zlib.compress(whole, 6)))
