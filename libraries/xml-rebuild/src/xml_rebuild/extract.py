"""A chunk of records → COPY text of every table."""

from dataclasses import dataclass

from xml_rebuild.document import Chunk, Prolog
from xml_rebuild.mapping import Mapping

#: What every text cell stands between; the QUOTE of the COPY that takes the text.
QUOTE = "\x7f"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that was left out; `excerpt` is at most its first 2000 characters."""

    offset: int
    reason: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Extracted:
    """`copies`: table → COPY csv text, rows ended by CR (a line feed is data); `rows`: table → number of rows."""

    copies: dict[str, bytes]
    rows: dict[str, int]
    records: int
    rejected: list[Rejected]


class Extractor:
    """Runs a mapping over chunks; one for all threads."""

    def __init__(self, mapping: Mapping) -> None:
        raise NotImplementedError

    def extract(self, prolog: Prolog, chunk: Chunk, record_prefix: str) -> Extracted:
        """The rows of all whole records in `chunk`; `record_prefix` and six digits are a row's record_no."""
        raise NotImplementedError
