"""Catalogues: complete, fresh, and the compiled ones those that belong to the readable ones."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.frontend import CommandLineInterface
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

from notifier import paths

ROOT = Path(__file__).parents[2]
LANGUAGES = ("de", "fr", "it")
MEND = "run `make catalogues` and translate what is new"
CUSTOMERS_READ = (
    "templates/email/", "templates/objection/", "templates/public/", "feeds/", "notifier/domain/",
    "notifier/web/contacts.py", "notifier/web/customers.py", "notifier/web/notices.py", "notifier/web/objections.py",
)


def read(path: Path) -> Catalog:
    """A .po or .pot file."""
    with path.open("rb") as file:
        return read_po(file)


def po(language: str) -> Path:
    """Where a language's readable catalogue is."""
    return paths.locale() / language / "LC_MESSAGES" / "notifier.po"


def messages(catalogue: Catalog) -> list[Message]:
    """All but the header."""
    return [m for m in catalogue if m.id]


def told(missing: Iterable[Message]) -> list[str]:
    """Messages with the files they stand in, for a failure that says what to do."""
    return [f"{m.id!r} in {', '.join(sorted(set(sources_of(m))))}" for m in missing]


def sources_of(message: Message) -> list[str]:
    """The files a message stands in."""
    return [str(place) for place, _ in message.locations]


def forms(said: str | Sequence[str] | None) -> list[str]:
    """The wordings of a message: one, or its singular and plural; an empty one where it has none."""
    return [said or ""] if said is None or isinstance(said, str) else list(said)


def lacking(language: str) -> list[Message]:
    """Messages of which a wording is not translated."""
    return [m for m in messages(read(po(language))) if not all(forms(m.string))]


def read_by_customers(message: Message) -> bool:
    """Whether customers read it: in letters and feeds, on their pages and public ones, as a rule's sentence."""
    return any(file.startswith(CUSTOMERS_READ) for file in sources_of(message))


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """What the sources say now, extracted as `make catalogues` does."""
    target = tmp_path_factory.mktemp("catalogue") / "notifier.pot"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        CommandLineInterface().run([
            "pybabel", "--quiet", "extract", "-F", "notifier/locale/babel.cfg", "-k", "N_", "--omit-header",
            "--add-location=file", "-o", str(target), ".",
        ])
    return read(target)


def test_the_template_of_the_catalogues_is_up_to_date_with_the_sources(sources: Catalog) -> None:
    stored = {m.id for m in messages(read(paths.locale() / "notifier.pot"))}
    said = {m.id for m in messages(sources)}
    new = told(m for m in messages(sources) if m.id not in stored)
    gone = sorted(stored - said)
    assert not new and not gone, f"new: {new}; gone: {gone}; {MEND}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_catalogue_has_the_messages_of_the_template(language: str) -> None:
    stored = {m.id for m in messages(read(paths.locale() / "notifier.pot"))}
    assert {m.id for m in messages(read(po(language)))} == stored, MEND


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalogue_is_that_of_the_readable_one(language: str) -> None:
    again = BytesIO()
    write_mo(again, read(po(language)))
    with po(language).with_suffix(".mo").open("rb") as file:
        compiled = read_mo(file)
    # Not the bytes: the header names the version of Babel that wrote it.
    assert said_by(compiled) == said_by(read_mo(BytesIO(again.getvalue()))), MEND


def said_by(catalogue: Catalog) -> dict[str, object]:
    """Every message with its wording."""
    return {str(m.id): m.string for m in messages(catalogue)}


def test_german_lacks_no_message() -> None:
    missing = told(lacking("de"))
    assert not missing, f"{missing}; {MEND}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_language_lacks_a_message_that_customers_read(language: str) -> None:
    missing = told(m for m in lacking(language) if read_by_customers(m))
    assert not missing, f"{missing}; {MEND}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_is_a_guess(language: str) -> None:
    assert not told(m for m in messages(read(po(language))) if m.fuzzy)


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_keep_the_placeholders(language: str) -> None:
    def held(said: str) -> list[str]:
        return sorted(re.findall(r"%\(\w+\)[a-z]", said))

    wrong = [
        m for m in messages(read(po(language)))
        for said in forms(m.string) if said and held(said) not in map(held, forms(m.id))
    ]
    assert not told(wrong)


@pytest.mark.parametrize("language", LANGUAGES)
def test_messages_of_templates_can_be_filled_in(language: str) -> None:
    """Jinja's newstyle gettext formats every message, so a bare percent sign would break the page."""
    for message in messages(read(po(language))):
        if any(file.startswith("templates/") for file in sources_of(message)):
            for said in forms(message.id) + forms(message.string):
                assert said % defaultdict(str) is not None


def test_german_is_spelled_as_in_switzerland_and_keeps_to_one_word_for_a_sub_processor() -> None:
    said = " ".join(str(m.string) for m in messages(read(po("de"))))
    assert "ß" not in said
    assert not re.findall(r"[Ss]ub-?[Pp]rozessor|Unterauftragsverarbeit|Subunternehm|Unterauftragnehm", said)
