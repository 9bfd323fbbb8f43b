"""reminders, what each contact has read, what silence meant, the yearly look at addresses

Revision: 0009
Revises: 0008
"""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

Moment = sqlmodel.sql.sqltypes.UTCDateTime
NOTICE = ("remind_at", "reminded_at")
CONTACT = ("checked_at", "check_at", "check_asked_at", "doubted_at")
MANY = 1000  # rows written by one statement


def upgrade() -> None:
    op.create_table(
        "acknowledgement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_acknowledgement_contact_id")),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name=op.f("fk_acknowledgement_notice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acknowledgement")),
        sa.UniqueConstraint("notice_id", "contact_id", name=op.f("uq_acknowledgement_notice_id_contact_id")),
    )
    for name in NOTICE:
        op.add_column("notice", sa.Column(name, Moment(), nullable=True))
    op.add_column("notice_change", sa.Column("silence", sqlmodel.sql.sqltypes.AutoString(length=12), nullable=False,
                                             server_default=""))
    for name in CONTACT:
        op.add_column("contact", sa.Column(name, Moment(), nullable=True))
    for table, name in (("notice", "remind_at"), ("contact", "check_at")):
        some = sa.text(f"{name} IS NOT NULL")
        op.create_index(op.f(f"ix_{table}_{name}"), table, [name], sqlite_where=some, postgresql_where=some)
    _arm()
    _first_checks()


def downgrade() -> None:
    for table, name in (("notice", "remind_at"), ("contact", "check_at")):
        op.drop_index(op.f(f"ix_{table}_{name}"), table_name=table)
    for name in reversed(CONTACT):
        op.drop_column("contact", name)
    op.drop_column("notice_change", "silence")
    for name in reversed(NOTICE):
        op.drop_column("notice", name)
    op.drop_table("acknowledgement")


def _arm() -> None:
    """The windows that run already get their reminder by the default: seven days before the last."""
    notice = sa.table("notice", sa.column("id"), sa.column("state"), sa.column("window_id"),
                      sa.column("silence_noted_at"), sa.column("remind_at", Moment()))
    window = sa.table("notice_window", sa.column("id"), sa.column("receipt_day", sa.Date()),
                      sa.column("last_day", sa.Date()), sa.column("zone"))
    rows = op.get_bind().execute(
        sa.select(notice.c.id, window.c.receipt_day, window.c.last_day, window.c.zone)
        .join(window, window.c.id == notice.c.window_id)
        .where(notice.c.state == "given", notice.c.silence_noted_at.is_(None))
    ).all()
    _write(notice, "remind_at", {number: _nine(last_day - timedelta(7), zone)
                                 for number, received, last_day, zone in rows if last_day - timedelta(7) > received})


def _nine(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(9), ZoneInfo(zone))


def _first_checks() -> None:
    """Nobody has confirmed these addresses yet: they are asked about a year after their customer was taken in."""
    contact = sa.table("contact", sa.column("id"), sa.column("customer_id"), sa.column("check_at", Moment()))
    customer = sa.table("customer", sa.column("id"), sa.column("created_at", Moment()))
    rows = op.get_bind().execute(
        sa.select(contact.c.id, customer.c.created_at).join(customer, customer.c.id == contact.c.customer_id)).all()
    _write(contact, "check_at", {number: taken_in + timedelta(365) for number, taken_in in rows})


def _write(table: Any, name: str, values: dict[int, datetime]) -> None:
    told = [{"row": number, "value": value} for number, value in values.items()]
    statement = table.update().where(table.c.id == sa.bindparam("row")).values(
        {name: sa.bindparam("value", type_=Moment())})
    for first in range(0, len(told), MANY):
        op.get_bind().execute(statement, told[first:first + MANY])
