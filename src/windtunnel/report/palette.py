"""Colours, each for a light and for a dark background, and what Grafana calls them."""

import re

THEMES = ("light", "dark")

# Name: on light, on dark. Series have a contrast of 4.5 : 1 and more to their background.
COLORS: dict[str, tuple[str, str]] = {
    "page": ("#f4f5f7", "#0f1216"),
    "panel": ("#ffffff", "#171b21"),
    "border": ("#dfe2e7", "#272d36"),
    "grid": ("#e3e6eb", "#2a313b"),
    "text": ("#1c2127", "#d8dde4"),
    "faint": ("#5f6874", "#929dab"),
    "green": ("#1a7f37", "#57c66a"),
    "yellow": ("#8f6400", "#e0b13f"),
    "orange": ("#b84a00", "#f0883d"),
    "red": ("#c9222d", "#ff7a72"),
    "blue": ("#0a66d4", "#58a5ff"),
    "purple": ("#7f4fdc", "#bb8bff"),
    "series-1": ("#2563c9", "#6fa8fc"),
    "series-2": ("#bf560c", "#f7a458"),
    "series-3": ("#0d7a60", "#4ecfa4"),
    "series-4": ("#7b3fbe", "#c39cfb"),
    "series-5": ("#c02c6a", "#fb8fb6"),
    "series-6": ("#836800", "#ddc04f"),
    "series-7": ("#0d7390", "#61cfe8"),
    "series-8": ("#4b7a10", "#a4d261"),
    "series-9": ("#7a5a45", "#cbb5a2"),
    "series-10": ("#52606e", "#a9b5c2"),
}
SERIES = [name for name in COLORS if name.startswith("series-")]


def named(grafana: str) -> str:
    """Our name for a colour of Grafana's, shades such as `dark-red` and `super-light-blue` included; hex stays."""
    if grafana.startswith("#"):
        return grafana
    name = re.sub(r"^(super-|semi-)?(light|dark)-", "", grafana)
    return name if name in COLORS else {"transparent": "transparent"}.get(name, "text")


def css(name: str) -> str:
    """A colour for CSS: a variable that follows the page's theme."""
    return f"var(--{name})" if name in COLORS else name


def hex_of(name: str, theme: str) -> str:
    """A colour for a picture of one theme."""
    return COLORS[name][THEMES.index(theme)] if name in COLORS else name


def as_variables(svg: str) -> str:
    """An SVG that was drawn in the light theme, with each colour as the page's variable."""
    names = {light: name for name, (light, _) in COLORS.items()}
    return re.sub(r"#[0-9a-f]{6}", lambda found: css(names.get(found[0], found[0])), svg)
