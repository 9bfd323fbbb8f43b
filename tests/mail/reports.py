"""Delivery reports as mail servers write them (RFC 3464), for tests."""

from __future__ import annotations

REF = "0198c0de-0000-7000-8000-000000000001"


def report(
    action: str = "delivered", *, ref: str = REF, status: str = "2.0.0", envelope: bool = True,
    returned: str = "headers", attempted: str = "Mon, 02 Mar 2026 10:15:00 +0100",
    dated: str = "Mon, 02 Mar 2026 10:15:02 +0100", diagnostic: str = "smtp; 250 2.0.0 Ok: queued as 4F2A",
    kind: str = "multipart/report; report-type=delivery-status", recipients: int = 1,
) -> bytes:
    """One report. `returned` is what comes back of the letter: its headers, the whole, or nothing."""
    head = ["Reporting-MTA: dns; mx.customer.example", "Arrival-Date: Mon, 02 Mar 2026 10:14:58 +0100"]
    head += [f"Original-Envelope-Id: {ref}"] if envelope else []
    fields = [f"Final-Recipient: rfc822; legal@customer.example\nOriginal-Recipient: rfc822;legal@customer.example\n"
              f"Action: {action}\nStatus: {status}\nRemote-MTA: dns; mx.customer.example\nDiagnostic-Code: {diagnostic}"
              + (f"\nLast-Attempt-Date: {attempted}" if attempted else "") for _ in range(recipients)]
    letter = f"From: notices@processor.example\nMessage-ID: <{ref}@processor.example>\nSubject: Notice"
    parts = ["Content-Type: text/plain\n\nThis is the mail system at host mx.customer.example.",
             "Content-Type: message/delivery-status\n\n" + "\n\n".join(["\n".join(head), *fields])]
    if returned == "headers":
        parts.append(f"Content-Type: text/rfc822-headers\n\n{letter}")
    if returned == "whole":
        parts.append(f"Content-Type: message/rfc822\n\n{letter}\n\nText.")
    body = "".join(f"--=_b\n{part}\n\n" for part in parts)
    return (f"From: MAILER-DAEMON@customer.example\nTo: notices@processor.example\nDate: {dated}\n"
            f"Subject: Delivery report\nMIME-Version: 1.0\nContent-Type: {kind}; boundary=\"=_b\"\n\n"
            f"{body}--=_b--\n").encode()


AUTO_REPLY = (b"From: legal@customer.example\nTo: notices@processor.example\nSubject: Out of office\n"
              b"Auto-Submitted: auto-replied\n\nI am away until Monday.\n")
