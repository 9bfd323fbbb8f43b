"""Due-diligence items: who vouched for what about an engagement, when, and by which document."""

from datetime import datetime

from sqlmodel import Field, SQLModel


class Evidence(SQLModel, table=True):
    """One item about an engagement (also a proposed one, hence its reference). The newest of a kind counts; the
    earlier ones stay. `link` or `blob_sha256` name the document; `words` say what it shows, or why none is needed."""

    __tablename__ = "evidence"

    id: int | None = Field(default=None, primary_key=True)
    engagement_ref: str = Field(max_length=60, index=True)
    kind: str = Field(max_length=30)
    words: str = Field(default="", max_length=4000)
    link: str = Field(default="", max_length=2000)
    blob_sha256: str | None = Field(default=None, foreign_key="blob.sha256", max_length=64)
    file_name: str = Field(default="", max_length=200)
    vouched_by: int = Field(foreign_key="user_account.id")
    vouched_at: datetime
