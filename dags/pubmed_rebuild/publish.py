"""Put a checked staging schema in the place of the live one, in one transaction."""

from psycopg import Connection, Cursor, sql

from pubmed_rebuild.checks import refuse_unpublishable
from pubmed_rebuild.staging import script

_EXISTS = "SELECT FROM pg_namespace WHERE nspname = %s"
_TABLES_OF = "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relkind = 'r'"


def swap(connection: Connection, live: str, staging: str, previous: str, lock_timeout: str = "10s") -> None:
    """Rename schema `live` to `previous` and `staging` to `live`; an older `previous` is dropped.

    Readers keep their rights, and a query that runs keeps its tables. Raises CheckFailed when staging lacks a table
    or has one that is not permanent, psycopg.errors.LockNotAvailable when a reader of the old `previous` holds it for
    longer than `lock_timeout` (with its unit), and psycopg.errors.DependentObjectsStillExist when something outside,
    such as a view, was built on it. Then nothing has changed.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(sql.SQL("SET LOCAL lock_timeout = {limit}").format(limit=lock_timeout))
        refuse_unpublishable(connection, staging)
        if cursor.execute(_EXISTS, [live]).rowcount:
            _copy_reading_rights(cursor, live, staging)
            _drop(cursor, previous)
            _rename(cursor, live, previous)
        _rename(cursor, staging, live)


def _copy_reading_rights(cursor: Cursor, live: str, staging: str) -> None:
    for (statement,) in cursor.execute(script("grants.sql"), {"live": live, "staging": staging}).fetchall():
        cursor.execute(statement)


def _drop(cursor: Cursor, schema: str) -> None:
    # Never CASCADE out of the schema: a reader's view on these tables would vanish without a word.
    tables = [sql.Identifier(schema, name) for (name,) in cursor.execute(_TABLES_OF, [schema]).fetchall()]
    if tables:
        cursor.execute(sql.SQL("DROP TABLE {tables}").format(tables=sql.SQL(", ").join(tables)))
    cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {name}").format(name=sql.Identifier(schema)))


def _rename(cursor: Cursor, old: str, new: str) -> None:
    statement = sql.SQL("ALTER SCHEMA {old} RENAME TO {new}")
    cursor.execute(statement.format(old=sql.Identifier(old), new=sql.Identifier(new)))
