"""The two characters that the layout of the output needs for itself, kept out of the texts and brought back.

U+007F and U+000D (which XML can only say as a reference) become private characters that the chunk does not hold, before
the transformation, and what they were afterwards. Hardly any document has them, so it may take its time.
"""

import re
from dataclasses import dataclass

_REFERENCE = rb"&#(?:0*(?:13|127)|x0*(?:[dD]|7[fF]));"
_HIDDEN = rb"<!\[CDATA\[.*?\]\]>|<!--.*?-->|<\?.*?\?>"
_TOKEN = re.compile(rb"%b|%b|\x7f" % (_HIDDEN, _REFERENCE), re.DOTALL)
_ANY_REFERENCE = re.compile(rb"&#(?:([0-9]+)|x([0-9a-fA-F]+));")
_PRIVATE = range(0xE000, 0xF900)


@dataclass(frozen=True, slots=True)
class Substitutes:
    """What stands for U+007F and for CR."""

    delete: bytes
    carriage_return: bytes

    def restored(self, lines: bytes) -> bytes:
        """`lines` as COPY takes them: QUOTE doubled, CR as it is."""
        return lines.replace(self.delete, b"\x7f\x7f").replace(self.carriage_return, b"\r")

    def original(self, text: str) -> str:
        """`text` as the document has it."""
        return text.replace(self.delete.decode(), "\x7f").replace(self.carriage_return.decode(), "\r")


def substituted(data: bytes) -> tuple[bytes, Substitutes | None]:
    """`data` without the reserved characters, and what stands for them if there were any."""
    if b"\x7f" not in data and not _refers(data):
        return data, None
    substitutes = _chosen(data)
    return _TOKEN.sub(lambda match: _token(match[0], substitutes), data), substitutes


def _refers(data: bytes) -> bool:
    # A single byte is found many times faster than the two of "&#".
    return b"#" in data and re.search(_REFERENCE, data) is not None


def _token(token: bytes, substitutes: Substitutes) -> bytes:
    if token.startswith(b"<"):
        return token.replace(b"\x7f", substitutes.delete)
    if token == b"\x7f" or b"7" in token.lower():
        return substitutes.delete
    return substitutes.carriage_return


def _chosen(data: bytes) -> Substitutes:
    taken = {int(match[1] or match[2], 10 if match[1] else 16) for match in _ANY_REFERENCE.finditer(data)}
    free = (chr(code).encode() for code in _PRIVATE if code not in taken)
    unused = (character for character in free if character not in data)
    return Substitutes(next(unused), next(unused))
