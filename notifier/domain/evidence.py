"""Due diligence: what a processor must have looked at before it engages a sub-processor.

The kinds are those of the order data processing agreement, Annex 2 section 6 (order control) and Annex 1 section 2.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from notifier.domain.sentences import N_


class EvidenceKind(StrEnum):
    """One thing to be vouched for."""

    SECURITY_REVIEW = "security_review"
    SELECTION = "selection"
    AGREEMENT = "agreement"
    STANDARD_CLAUSES = "standard_clauses"
    DPO = "dpo"
    AUDIT_RIGHTS = "audit_rights"
    FURTHER_SUBPROCESSORS = "further_subprocessors"
    RETURN_OR_DESTRUCTION = "return_or_destruction"
    SECRECY = "secrecy"


NAMES: Mapping[EvidenceKind, str] = {
    EvidenceKind.SECURITY_REVIEW: N_("Review of the security measures"),
    EvidenceKind.SELECTION: N_("Careful selection"),
    EvidenceKind.AGREEMENT: N_("Signed processing agreement"),
    EvidenceKind.STANDARD_CLAUSES: N_("Standard contractual clauses"),
    EvidenceKind.DPO: N_("Data protection officer"),
    EvidenceKind.AUDIT_RIGHTS: N_("Audit rights"),
    EvidenceKind.FURTHER_SUBPROCESSORS: N_("Rules for further sub-processors"),
    EvidenceKind.RETURN_OR_DESTRUCTION: N_("Return or destruction at the end"),
    EvidenceKind.SECRECY: N_("Professional secrecy"),
}
"""How each kind is called in pages."""
