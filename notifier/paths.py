"""Where the product's own files are: in a wheel `templates` lies inside the package, in a checkout beside it."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def templates() -> Path:
    """The folder that holds `email/`, `public/`, `objection/` and `console/`."""
    inside = PACKAGE / "templates"
    return inside if inside.is_dir() else PACKAGE.parent / "templates"


def locale() -> Path:
    """The folder of compiled catalogues, `<language>/LC_MESSAGES/notifier.mo`."""
    return PACKAGE / "locale"


def migrations() -> Path:
    """Alembic's script folder."""
    return PACKAGE / "migrations"


def sample() -> Path:
    """The demo's sample data."""
    return PACKAGE / "sample"
