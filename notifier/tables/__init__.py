"""The schema, a file per noun. Import tables from here."""

from notifier.tables.audit import AuditDetail, AuditEntry, AuditHead
from notifier.tables.changes import Announcement, AnnouncementChange, AudienceRow, Change, ChangeItem, Correction
from notifier.tables.clock import Lease
from notifier.tables.customers import Contact, ContactChange, Customer, CustomerService, EarlierService, PageRequest
from notifier.tables.evidence import Evidence, Offboarding
from notifier.tables.exceptions import Exclusion, ExclusionCheck, IrregularStart, Override
from notifier.tables.idempotency import KeptAnswer
from notifier.tables.listing import Edition, Publication
from notifier.tables.mail import Blob, Delivery, DeliveryEvent, DeliveryEventDetail, Lane, Link, ProviderPost
from notifier.tables.notices import Acknowledgement, Notice, NoticeChange, NoticeWindow
from notifier.tables.objections import Objection, ObjectionChange, ObjectionMessage, Termination
from notifier.tables.people import ApiToken, Countersignature, User
from notifier.tables.register import Engagement, EngagementService, Service, SubProcessor
from notifier.tables.reply import ReplyProof
from notifier.tables.settings import Setting

__all__ = [
    "Acknowledgement", "Announcement", "AnnouncementChange", "ApiToken", "AudienceRow", "AuditDetail", "AuditEntry",
    "AuditHead", "Blob", "Change", "ChangeItem", "Contact", "ContactChange", "Correction", "Countersignature",
    "Customer", "CustomerService", "Delivery", "DeliveryEvent", "DeliveryEventDetail", "EarlierService", "Edition",
    "Engagement", "EngagementService", "Evidence", "Exclusion", "ExclusionCheck", "IrregularStart", "KeptAnswer",
    "Lane", "Lease", "Link", "Notice", "NoticeChange", "NoticeWindow", "Objection", "ObjectionChange",
    "ObjectionMessage", "Offboarding", "Override", "PageRequest", "ProviderPost", "Publication", "ReplyProof",
    "Service", "Setting", "SubProcessor", "Termination", "User",
]
