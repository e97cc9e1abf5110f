"""Rows on their way into the tables of one transaction, copied while the next ones are made."""

from collections import defaultdict, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from psycopg import Connection, DataError
from psycopg.errors import NotNullViolation

from xml_rebuild.errors import CheckFailed, WrongContent
from xml_rebuild.mapping import Mapping
from xml_rebuild.schema import copy_statement

#: Bytes of one table that make a COPY: fewer and its fixed costs show, more and the waiting rows fill memory.
BATCH = 2**20
# Batches on their way at once: one that the server takes, and the next.
_UNDER_WAY = 2


class Copier:
    """One connection carries one COPY at a time, so rows wait in a buffer per table until a COPY is worth it.

    Use as a context manager; `flush` ends the work. Errors of a COPY are raised by a later call.
    """

    def __init__(self, connection: Connection, mapping: Mapping, schema: str) -> None:
        self._connection = connection
        self._statements = {table.name: copy_statement(table, schema) for table in mapping.tables.values()}
        self._waiting: dict[str, list[bytes]] = defaultdict(list)
        self._sizes: dict[str, int] = defaultdict(int)
        self._copying: deque[Future[None]] = deque()
        self._writer = ThreadPoolExecutor(1, "copy")
        self.rows = dict.fromkeys(mapping.tables, 0)

    def __enter__(self) -> "Copier":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.shutdown(cancel_futures=True)

    def add(self, copies: dict[str, bytes]) -> None:
        """Take COPY text by table; waits while the server is behind."""
        for table, text in copies.items():
            self._waiting[table].append(text)
            self._sizes[table] += len(text)
            if self._sizes[table] >= BATCH:
                self._hand_over(table)

    def flush(self) -> dict[str, int]:
        """Copy what is waiting; the rows that the server took by table."""
        for table in list(self._waiting):
            self._hand_over(table)
        while self._copying:
            self._copying.popleft().result()
        return self.rows

    def _hand_over(self, table: str) -> None:
        while len(self._copying) >= _UNDER_WAY:
            self._copying.popleft().result()
        self._copying.append(self._writer.submit(self._copy, table, self._waiting.pop(table)))
        del self._sizes[table]

    def _copy(self, table: str, texts: list[bytes]) -> None:
        with _told(table), self._connection.cursor() as cursor:
            with cursor.copy(self._statements[table]) as copy:
                for text in texts:
                    copy.write(text)
            self.rows[table] += cursor.rowcount


@contextmanager
def _told(table: str) -> Iterator[None]:
    try:
        yield
    except NotNullViolation as error:
        found, step = str(error.diag.message_detail), "Correct the record, or the mapping's key."
        raise CheckFailed("No key", f"table {table}", f"a value in {error.diag.column_name}", found, step) from error
    except DataError as error:
        where = str(error.diag.context or table)
        found, step = str(error.diag.message_primary), "Correct the record, or the column's type in the mapping."
        raise WrongContent("Unfit value", where, "one of the column's type", found, step) from error
