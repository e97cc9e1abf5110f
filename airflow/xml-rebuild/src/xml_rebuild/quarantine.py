"""Records that could not be read: kept aside up to a limit, and told with where they are."""

from itertools import islice

from psycopg import Connection, sql

from xml_rebuild.errors import TooManyRejected
from xml_rebuild.extract import Rejected
from xml_rebuild.parts import Part
from xml_rebuild.schema import REJECT, staging_of

#: Records of all parts together that may be rejected, unless the caller says otherwise.
MAX_REJECTED = 100
_NAMED = 3
_INSERT = "INSERT INTO {reject} (part, source, byte_offset, reason, excerpt) VALUES (%s, %s, %s, %s, %s)"
_FIRST = "SELECT source, byte_offset, reason, count(*) OVER () FROM {reject} ORDER BY part, byte_offset LIMIT %s"


class Quarantine:
    """The rejected records of one part."""

    def __init__(self, part: Part, limit: int) -> None:
        self._part = part
        self._limit = limit
        self._rejected: list[Rejected] = []

    def __len__(self) -> int:
        return len(self._rejected)

    def take(self, rejected: list[Rejected]) -> None:
        """Raises TooManyRejected as soon as the part alone is over the limit."""
        self._rejected += rejected
        if len(self._rejected) > self._limit:
            url = self._part.source.url
            first = [(url, record.offset, record.reason) for record in islice(self._rejected, _NAMED)]
            raise _too_many(len(self._rejected), self._limit, first)

    def store(self, connection: Connection, schema: str) -> None:
        """Keep them with the part's rows; raises TooManyRejected if all parts together are over the limit."""
        if not self._rejected:
            return
        # Parts that end at the same time would not see each other's records.
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"xml_rebuild rejects {schema}"])
        table = sql.Identifier(staging_of(schema), REJECT)
        part = self._part
        rows = [(part.number, part.source.url, bad.offset, bad.reason, bad.excerpt) for bad in self._rejected]
        with connection.cursor() as cursor:
            cursor.executemany(sql.SQL(_INSERT).format(reject=table), rows)
            first = cursor.execute(sql.SQL(_FIRST).format(reject=table), [_NAMED]).fetchall()
        if first[0][-1] > self._limit:
            raise _too_many(first[0][-1], self._limit, [row[:3] for row in first])


def _too_many(count: int, limit: int, first: list[tuple[str, int, str]]) -> TooManyRejected:
    named = "; ".join(f"{source}, byte {offset}: {reason}" for source, offset, reason in first)
    step = "Correct these records, or allow more to be rejected."
    return TooManyRejected("Rejected records", first[0][0], f"at most {limit}", f"{count}, the first {named}", step)
