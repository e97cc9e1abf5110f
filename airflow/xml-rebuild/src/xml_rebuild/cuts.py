"""Where a plain document can be cut between records, found by looking only near the cuts."""

from collections.abc import Callable, Iterator

from xml_rebuild.encoding import is_utf8, to_utf8
from xml_rebuild.errors import MalformedXML
from xml_rebuild.mapping import Mapping
from xml_rebuild.prolog import Prolog, read_prolog
from xml_rebuild.records import RecordTags

ReadAt = Callable[[int, int], bytes]

_WINDOW = 2**16
_LARGEST = 2**26
_NAME = "the document"


def boundaries(read_at: ReadAt, size: int, mapping: Mapping, parts: int) -> tuple[Prolog, list[tuple[int, int]]]:
    """At most `parts` record-aligned [start, stop) ranges of a plain document; `read_at` takes offset and length.

    The last one has the document's end. A document that is not in UTF-8 is one range from 0. An end tag in a comment
    may be taken for a record's: then what comes of both parts is malformed, and never silently wrong.
    """
    beginning = read_prolog(to_utf8(_blocks(read_at, size), _NAME), mapping, _NAME, _LARGEST)
    if not is_utf8(read_at(0, min(size, _WINDOW)), _NAME):
        return beginning.prolog, [(0, size)]
    _check_end(read_at, size, beginning.prolog)
    tags = RecordTags((mapping.resolve(tag)[1] for tag in mapping.record_tags), _written_names(beginning.prolog))
    cuts = [beginning.offset]
    for number in range(1, parts):
        wanted = beginning.offset + (size - beginning.offset) * number // parts
        stop = _end_after(read_at, size, tags, wanted) if wanted > cuts[-1] else None
        if stop is not None and stop > cuts[-1]:
            cuts.append(stop)
    return beginning.prolog, list(zip(cuts, [*cuts[1:], size], strict=True))


def _blocks(read_at: ReadAt, size: int) -> Iterator[bytes]:
    return (read_at(start, min(_WINDOW, size - start)) for start in range(0, size, _WINDOW))


def _end_after(read_at: ReadAt, size: int, tags: RecordTags, wanted: int) -> int | None:
    """The end of the first record that ends after `wanted` with another one following; None if there is none."""
    length = _WINDOW
    while True:
        length = min(length, size - wanted)
        stop = tags.end_before_start(read_at(wanted, length))
        if stop is not None:
            return wanted + stop
        if wanted + length == size or length > 2 * _LARGEST:
            return None
        length *= 4


def _written_names(prolog: Prolog) -> list[str]:
    return [tag.decode().strip("</>") for tag in prolog.close_tags]


def _check_end(read_at: ReadAt, size: int, prolog: Prolog) -> None:
    # The last range may end at a record's end by chance: only here can be seen that the rest is missing.
    window = read_at(max(size - _WINDOW, 0), min(_WINDOW, size))
    name = prolog.close_tags[-1].rstrip(b">")
    if name not in window:
        expected, found = f"{name.decode()}>", "none"
        raise MalformedXML("No end", f"the last {len(window)} bytes of {_NAME}", expected, found, "Upload it again.")
