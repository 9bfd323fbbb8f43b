"""Languages: gettext catalogues, dates in words, and the Jinja environments of letters and pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from babel import Locale
from babel.dates import format_date, format_datetime
from babel.support import NullTranslations, Translations

from notifier import paths
from notifier.domain import sentences
from notifier.domain.sentences import Name, Sentence, Words

LANGUAGES = sentences.LANGUAGES
OWN_NAMES = {"en": "English", "de": "Deutsch", "fr": "Français", "it": "Italiano"}
"""What each language calls itself."""
SOURCE = "en"
_LOCALES = {"en": "en_GB", "de": "de_CH", "fr": "fr_CH", "it": "it_CH"}


def known(language: str | None) -> str:
    """The language itself where we speak it ("de-CH" is "de"), else English."""
    short = (language or "").replace("_", "-").split("-")[0].lower()
    return short if short in LANGUAGES else SOURCE


@lru_cache
def translations(language: str) -> NullTranslations:
    """The compiled catalogue of a language; English is the source and needs none."""
    if language == SOURCE:
        return NullTranslations()
    return Translations.load(paths.locale(), [language], "notifier")


def gettext(language: str) -> Callable[[str], str]:
    """The function that puts one message into a language."""
    catalogue = translations(language)
    return lambda message: str(catalogue.ugettext(message))


def say(sentence: Sentence, language: str, zone: str = "UTC") -> str:
    """A rule's sentence in words: dates and moments written out, facts that are messages translated too."""
    tell = gettext(language)
    facts: dict[str, str | int] = {}
    for name, fact in sentence.facts.items():
        if isinstance(fact, datetime):
            facts[name] = moment(fact, language, zone)
        elif isinstance(fact, date):
            facts[name] = day(fact, language)
        elif isinstance(fact, Name):
            facts[name] = fact.said(language)
        elif isinstance(fact, Sentence):
            facts[name] = say(fact, language, zone)
        else:
            facts[name] = tell(fact) if isinstance(fact, Words) else fact
    message = tell(sentence.message)
    return message % facts if sentence.facts else message


def day(value: date, language: str) -> str:
    """A civil date with its weekday: "Tuesday, 7 April 2026", "Dienstag, 7. April 2026"."""
    pattern = "EEEE, d MMMM y" if language == "en" else "full"
    return _first(str(format_date(value, pattern, locale=_LOCALES[language])), value, language)


def short_day(value: date, language: str) -> str:
    """A civil date without its weekday, for tables: "7 April 2026"."""
    return _first(str(format_date(value, "long", locale=_LOCALES[language])), value, language)


def _first(written: str, value: date, language: str) -> str:
    """French and Italian write the first of a month as an ordinal, which the locale data leaves out."""
    ordinal = {"fr": "1er ", "it": "1º "}.get(language) if value.day == 1 else None
    return re.sub(r"(?<!\d)1 ", ordinal, written, count=1) if ordinal else written


def country(code: str, language: str) -> str:
    """A country's name for its two-letter code; anything else as it stands."""
    known_code = len(code) == 2 and code.isascii() and code.isupper()
    return str(Locale.parse(language).territories.get(code, code)) if known_code else code


def moment(value: datetime, language: str, zone: str) -> str:
    """A moment in a zone, to the minute, with the zone's name."""
    local = value.astimezone(ZoneInfo(zone))
    pattern = "d MMMM y, HH:mm" if language in ("en", "fr", "it") else "d. MMMM y, HH:mm"
    return f"{format_datetime(local, pattern, locale=_LOCALES[language])} ({zone})"


class _Compiled(jinja2.BytecodeCache):
    """Templates compiled once for all languages: they are the same code, and compiling one takes longer than filling
    it."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, Any]] = {}

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """The code of a template whose source is still the same."""
        checksum, code = self._held.get(bucket.key, ("", None))
        if checksum == bucket.checksum:
            bucket.code = code

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """Keeps the code of a template."""
        self._held[bucket.key] = bucket.checksum, bucket.code


_compiled = _Compiled()


@lru_cache
def environment(language: str) -> jinja2.Environment:
    """One Jinja environment per language over all templates; HTML escapes itself, text does not.

    Templates say `_("…")`, `{% trans %}`, `{{ date|day }}`, `{{ date|short_day }}`, `{{ when|moment(zone) }}`
    and `{{ sentence|say }}`. A name a template uses and nobody gave is an error.
    """
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(paths.templates()),
        undefined=jinja2.StrictUndefined,
        autoescape=jinja2.select_autoescape(["html"]),
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=_compiled,
    )
    env.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    env.globals["language"] = language
    env.filters["say"] = _at_work(lambda sentence, zone="UTC": say(sentence, language, zone))
    env.filters["day"] = _at_work(lambda value: day(value, language))
    env.filters["short_day"] = _at_work(lambda value: short_day(value, language))
    env.filters["country"] = _at_work(lambda code: country(code, language))
    env.filters["moment"] = _at_work(lambda value, zone: moment(value, language, zone))
    return env


def _at_work(tell: Callable[..., str]) -> Callable[..., str]:
    """A filter that is asked whenever a template is filled, and never while it is compiled: what is compiled serves all
    languages."""
    return jinja2.pass_context(lambda _, *given: tell(*given))
