"""Foreign keys of a staging schema: added to all tables at once, then validated table by table."""

from itertools import groupby
from operator import itemgetter

from psycopg import Connection, sql
from psycopg.errors import ForeignKeyViolation

from xml_rebuild.checks import failed
from xml_rebuild.mapping import Mapping
from xml_rebuild.schema import names

_FOREIGN_KEYS = "SELECT FROM pg_constraint WHERE connamespace = to_regnamespace(quote_ident(%s)) AND contype = 'f'"
_UNVALIDATED = """
    SELECT relname, conname FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
    WHERE connamespace = to_regnamespace(quote_ident(%s)) AND contype = 'f' AND NOT convalidated
    ORDER BY pg_table_size(conrelid) DESC, relname
"""
_ADD = "ALTER TABLE {table} ADD FOREIGN KEY ({columns}) REFERENCES {parent} NOT VALID"
_VALIDATE = "ALTER TABLE {table} VALIDATE CONSTRAINT {name}"


def add_foreign_keys(connection: Connection, mapping: Mapping, staging: str) -> None:
    """Add all of them, unless they are there; which looks at no row yet, and so holds locks only for a moment."""
    with connection.transaction():
        if connection.execute(_FOREIGN_KEYS, [staging]).rowcount:
            return
        for table in mapping.tables.values():
            for key in table.foreign_keys:
                statement = sql.SQL(_ADD).format(
                    table=sql.Identifier(staging, table.name),
                    columns=names(key.columns),
                    parent=sql.Identifier(staging, key.parent),
                )
                connection.execute(statement)


def unvalidated(connection: Connection, staging: str) -> list[tuple[str, list[str]]]:
    """Tables with the names of their foreign keys that are to be validated, the largest table first."""
    found = connection.execute(_UNVALIDATED, [staging]).fetchall()
    return [(table, [name for _, name in keys]) for table, keys in groupby(found, itemgetter(0))]


def validate(connection: Connection, staging: str, table: str, constraints: list[str]) -> None:
    """Raises CheckFailed, with an example, when a row refers to one that is not there."""
    for name in constraints:
        statement = sql.SQL(_VALIDATE).format(table=sql.Identifier(staging, table), name=sql.Identifier(name))
        try:
            connection.execute(statement)
        except ForeignKeyViolation as error:
            where = f"the foreign key {name} of {staging}.{table}"
            raise failed(where, "a row that each key refers to", str(error.diag.message_detail)) from error
