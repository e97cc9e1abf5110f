"""White space at both ends of the texts in cells, taken away where there is some."""

import re
from collections.abc import Iterator

Span = tuple[int, int]

_WHITE = rb"[\t\n ]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80"
_LEADING = re.compile(rb"(?:%b)+" % _WHITE)
_TRAILING = re.compile(rb"(?:%b)+\Z" % _WHITE)
# The first and last bytes of white space become a space: one pass in C, after which two searches find every candidate.
_ENDS = b"\t\n \x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x9f\xa0\xa8\xa9\xaf\xc2\xe1\xe2\xe3"
_CLASSES = bytes(0x20 if byte in _ENDS else byte for byte in range(256))
_LOOK_BACK = 64


def stripped(lines: bytes) -> bytes:
    """`lines` without the white space next to a QUOTE: what str.strip takes, but CR, which ends lines here."""
    classes = lines.translate(_CLASSES)
    spans = [*_leading(lines, classes), *_trailing(lines, classes)]
    return _without(lines, sorted(spans)) if spans else lines


def stripped_of(lines: bytes, carriage_return: bytes) -> bytes:
    """As `stripped`, where `carriage_return` stands for a CR in a text."""
    white = rb"(?:%b|%b)+" % (_WHITE, re.escape(carriage_return))
    return re.sub(rb"(?<=\x7f)%b|%b(?=\x7f)" % (white, white), b"", lines)


def _leading(lines: bytes, classes: bytes) -> Iterator[Span]:
    # Backwards, since QUOTE is rare and a space is not: the search looks for its first byte then.
    position = classes.rfind(b"\x7f ")
    while position >= 0:
        match = _LEADING.match(lines, position + 1)
        if match is not None:
            yield match.span()
        position = classes.rfind(b"\x7f ", 0, position + 1)


def _trailing(lines: bytes, classes: bytes) -> Iterator[Span]:
    position = classes.find(b" \x7f")
    while position >= 0:
        stop = position + 1
        start = _start_of_white(lines, stop)
        if start < stop:
            yield start, stop
        position = classes.find(b" \x7f", stop)


def _start_of_white(lines: bytes, stop: int) -> int:
    reach = _LOOK_BACK
    while True:
        floor = max(stop - reach, 0)
        match = _TRAILING.search(lines[floor:stop])
        start = stop if match is None else floor + match.start()
        if start > floor + 2 or floor == 0:
            return start
        reach *= 8


def _without(lines: bytes, spans: list[Span]) -> bytes:
    kept, position = [], 0
    for start, stop in spans:
        kept.append(lines[position:start])
        position = max(position, stop)
    kept.append(lines[position:])
    return b"".join(kept)
