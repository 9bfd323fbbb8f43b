"""Messages to send in tests."""

from __future__ import annotations

import uuid
from typing import Any

from notifier.mail.transport import Message


def a_message(number: int = 1, **changed: Any) -> Message:
    """A letter to `legal<number>@customer.example`, its ref the number as a UUID."""
    return Message(**({
        "ref": str(uuid.UUID(int=number)),
        "to_email": f"legal{number}@customer.example",
        "to_name": "Rechtsdienst Müller & Söhne",
        "subject": "Änderung der Unterauftragsbearbeiter per 1. März",
        "text": "Guten Tag\n\nWir kündigen eine Änderung an.\n.\nFreundliche Grüsse\n",
        "html": "<p>Guten Tag</p><p>Wir kündigen eine Änderung an.</p>",
        "headers": {"Auto-Submitted": "auto-generated", "References": "<change-1@processor.example>"},
        "from_email": "notices@processor.example",
        "from_name": "Processor AG",
        "reply_to": "privacy@processor.example",
    } | changed))


def messages(count: int) -> list[Message]:
    """`count` letters to as many addresses."""
    return [a_message(n) for n in range(1, count + 1)]
