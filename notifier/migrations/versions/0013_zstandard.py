"""letters are packed by Zstandard

Nothing changes in the schema; but an earlier version cannot read such letters, and must not run beside this one.

Revision: 0013
Revises: 0012
"""

import sys
import zlib

import sqlalchemy as sa
from alembic import op

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Those packed before are read as they are."""


def downgrade() -> None:
    blob = sa.table("blob", *map(sa.column, ("sha256", "packing", "base_sha256", "body")))
    connection, bases = op.get_bind(), {}
    for sha256, base, body in connection.execute(
        sa.select(blob.c.sha256, blob.c.base_sha256, blob.c.body).where(blob.c.packing == "zstd")
    ).all():
        if base not in bases:
            bases[base] = zlib.decompress(connection.scalar(sa.select(blob.c.body).where(blob.c.sha256 == base)))
        packer = zlib.compressobj(6, zdict=bases[base])
        packed = packer.compress(zstd.decompress(body, zstd.ZstdDict(bases[base], is_raw=True))) + packer.flush()
        connection.execute(blob.update().where(blob.c.sha256 == sha256).values(packing="based", body=packed))
