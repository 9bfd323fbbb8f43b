"""The console: pages for the processor's own people. One module per noun; what they share is `desk`."""

from notifier.web.console import (
    announcements,
    audit,
    board,
    change_form,
    changes,
    customer_form,
    customers,
    deliveries,
    diligence,
    hand_delivery,
    objections,
    paper,
    people,
    progress,
    reply,
    sign_in,
    uploads,
)
from notifier.web.console.desk import bp

__all__ = [
    "announcements", "audit", "board", "bp", "change_form", "changes", "customer_form", "customers", "deliveries",
    "diligence",
    "hand_delivery", "objections", "paper", "people", "progress", "reply", "sign_in", "uploads",
]
