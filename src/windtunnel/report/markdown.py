"""The little Markdown that text panels use: headings, lists, links, **bold**, `code`."""

import re

from markupsafe import Markup, escape

_LINK = re.compile(r"\[([^\]]+)\]\(((?:https?://|/|#)[^)\s]*)\)")


def html(text: str) -> Markup:
    """The text as HTML; HTML in it is shown, not obeyed."""
    blocks = re.split(r"\n\s*\n", text.strip())
    return Markup("\n").join(_block(block.splitlines()) for block in blocks if block.strip())


def _block(lines: list[str]) -> Markup:
    heading = re.match(r"(#+)\s+(.*)", lines[0])
    if heading:
        rest = _block(lines[1:]) if lines[1:] else Markup("")
        return Markup("<h4>{}</h4>{}").format(_inline(heading[2]), rest)
    items = [re.sub(r"^\s*[-*]\s+", "", line) for line in lines]
    if items != lines:
        return Markup("<ul>{}</ul>").format(Markup("").join(Markup("<li>{}</li>").format(_inline(it)) for it in items))
    return Markup("<p>{}</p>").format(_inline(" ".join(lines)))


def _inline(text: str) -> Markup:
    marked = str(escape(text))
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", marked)
    marked = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", marked)
    return Markup(_LINK.sub(r'<a href="\2">\1</a>', marked))
