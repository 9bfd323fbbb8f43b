"""The stylesheet: contrast in light and dark (WCAG 2.2, 1.4.3 and 1.4.11), and nothing fetched."""

import re
from pathlib import Path

import pytest

from feeds.pages import stylesheet

CSS = stylesheet().decode()
TEMPLATES = Path(__file__).parents[2] / "templates"


def palettes() -> dict[str, dict[str, str]]:
    """The colours by name: those of the light page, and with the dark page's put over them."""
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
                   for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL))
    return {"light": light, "dark": {**light, **dark}}


def luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it."""
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black on white)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


TEXTS = [
    *((ink, ground) for ink in ("ink", "soft", "link", "link-hover", "bad") for ground in ("paper", "panel")),
    *(("ink", f"{tone}-bg") for tone in ("info", "good", "warn", "bad")),
    *(("link", f"{tone}-bg") for tone in ("info", "good", "warn", "bad")),
    *((tone, f"{tone}-bg") for tone in ("info", "good", "warn", "bad")),
    ("soft", "info-bg"), ("on-accent", "accent"), ("on-accent", "link-hover"), ("paper", "bad"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), TEXTS)
def test_text_stands_out_at_least_four_and_a_half_to_one(scheme, ink, ground):
    colours = palettes()[scheme]
    assert contrast(colours[ink], colours[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("line", ["edge", "focus", "accent", "bad"])
def test_edges_of_controls_and_the_focus_ring_stand_out_three_to_one(scheme, line):
    colours = palettes()[scheme]
    assert contrast(colours[line], colours["paper"]) >= 3
    assert contrast(colours[line], colours["panel"]) >= 3


def test_the_stylesheet_fetches_nothing():
    assert "url(" not in CSS and "@import" not in CSS and "http" not in CSS


def test_every_class_of_the_public_pages_is_in_the_stylesheet():
    used = set()
    for template in [TEMPLATES / "_base.html", *(TEMPLATES / "public").glob("*.html")]:
        for words in re.findall(r'class="([^"{]*)', template.read_text()):
            used |= set(words.split())
    assert {name for name in used if f".{name}" not in CSS} == set()
