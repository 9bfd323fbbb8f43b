"""which addresses are barred is asked every second

Revision: 0012
Revises: 0011
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_contact_barred_at"), "contact", ["barred_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_contact_barred_at"), table_name="contact")
