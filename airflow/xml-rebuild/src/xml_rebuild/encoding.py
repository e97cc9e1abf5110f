"""A document in any encoding → the same document in UTF-8."""

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain

from xml_rebuild.errors import MalformedXML, WrongContent

_DECLARED = re.compile(rb"<\?xml[^>]*?\sencoding\s*=\s*[\"']([A-Za-z][\w.-]*)[\"']")
# An XML declaration must stand at the very beginning; this is more than one needs.
_HEAD = 1024
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_AS_IT_IS = ("utf-8", "ascii")


def to_utf8(blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """The document's blocks in UTF-8; those of a document in UTF-8 as they are.

    Raises WrongContent for an encoding that is not known, MalformedXML for bytes that are not in it.
    """
    source = iter(blocks)
    head = b""
    while len(head) < _HEAD and (block := next(source, None)) is not None:
        head += block
    encoding = encoding_of(head, name)
    every = chain((head,), source)
    return iter(every) if encoding in _AS_IT_IS else _transcoded(every, encoding, name)


def is_utf8(head: bytes, name: str) -> bool:
    """Whether the document that begins with `head` is read as it is."""
    return encoding_of(head, name) in _AS_IT_IS


def encoding_of(head: bytes, name: str) -> str:
    """The encoding of a document that begins with `head`: its byte order mark's, else the declared one, else UTF-8."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    declared = _DECLARED.match(head.removeprefix(codecs.BOM_UTF8))
    if declared is None or head.startswith(codecs.BOM_UTF8):
        return "utf-8"
    return _known(declared[1].decode("ascii"), name)


def _known(declared: str, name: str) -> str:
    try:
        encoding = codecs.lookup(declared).name
        # Codecs that are no character sets (rot13, zlib, unicode_escape) either fail here or give something else.
        if b"<?xml".decode(encoding) == "<?xml" and b"\\x41".decode(encoding) == "\\x41":
            return encoding
    except (LookupError, ValueError):
        pass
    step = "Convert the document to UTF-8."
    raise WrongContent("Unknown encoding", f"{name}'s XML declaration", "a character encoding", repr(declared), step)


def _transcoded(blocks: Iterable[bytes], encoding: str, name: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    done = 0
    try:
        for block in blocks:
            yield decoder.decode(block).encode()
            done += len(block)
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        where = f"{name} after {done} bytes"
        step = "Upload the document as it was published."
        raise MalformedXML("Wrong encoding", where, f"text in {encoding}", str(error), step) from error
