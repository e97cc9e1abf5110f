"""The names and statements of a rebuild's schemas and tables: the mapping's own, and those that keep its state."""

from collections.abc import Iterable

from psycopg import Connection, sql

from xml_rebuild.extract import QUOTE
from xml_rebuild.mapping import RECORD_NO, Mapping, Table

RUN = "rebuild_run"
PART = "rebuild_part"
REJECT = "rebuild_reject"
#: Which records the rules remove, while `finish` is at work.
REMOVED = "removed"
#: The tables beside the mapping's own that stay in the published schema.
STATE_TABLES = (RUN, PART, REJECT)
_LONGEST_NAME = 63
_TYPES = {
    "text": sql.SQL("text"),
    "integer": sql.SQL("integer"),
    "bigint": sql.SQL("bigint"),
    "numeric": sql.SQL("numeric"),
    "boolean": sql.SQL("boolean"),
    "date": sql.SQL("date"),
    "text[]": sql.SQL("text[]"),
}

# The list of parts must outlive a crash that empties unlogged tables: it says what has to be loaded again.
_CREATE_RUN = """
    CREATE TABLE {run} (
        id text PRIMARY KEY,
        fingerprint text NOT NULL,
        mapping text NOT NULL,
        phase text NOT NULL,
        parts jsonb NOT NULL,
        unlogged boolean NOT NULL,
        rows jsonb,
        removed jsonb,
        began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        finished_at timestamptz
    )
"""
_CREATE_PART = """
    CREATE {kind} TABLE {part} (
        part integer PRIMARY KEY,
        source text NOT NULL,
        etag text,
        start bigint NOT NULL,
        stop bigint,
        records bigint,
        rejected bigint,
        bytes bigint,
        rows jsonb,
        loaded_at timestamptz
    )
"""
_CREATE_REJECT = """
    CREATE {kind} TABLE {reject} (
        part integer NOT NULL,
        source text NOT NULL,
        byte_offset bigint NOT NULL,
        reason text NOT NULL,
        excerpt text NOT NULL
    )
"""
_EXISTS = "SELECT FROM pg_namespace WHERE nspname = %s"
_TABLES_OF = (
    "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relkind IN ('r', 'p')"
)


def staging_of(schema: str) -> str:
    """The schema that a rebuild of `schema` fills."""
    return _named(f"{schema}_staging")


def previous_of(schema: str) -> str:
    """The schema that holds what `schema` held before."""
    return _named(f"{schema}_previous")


def _named(name: str) -> str:
    if len(name.encode()) > _LONGEST_NAME:
        raise ValueError(f"the schema name {name!r} is longer than Postgres takes: {_LONGEST_NAME} bytes")
    return name


def exists(connection: Connection, schema: str) -> bool:
    """Whether there is a schema of this name."""
    return connection.execute(_EXISTS, [schema]).rowcount > 0


def tables_of(connection: Connection, schema: str) -> set[str]:
    """The names of the tables in `schema`."""
    return {name for (name,) in connection.execute(_TABLES_OF, [schema])}


def create_schema(connection: Connection, schema: str) -> None:
    """An empty `schema` with only the table RUN, which is permanent."""
    connection.execute(sql.SQL("CREATE SCHEMA {name}").format(name=sql.Identifier(schema)))
    connection.execute(sql.SQL(_CREATE_RUN).format(run=sql.Identifier(schema, RUN)))


def create_tables(connection: Connection, mapping: Mapping, schema: str, unlogged: bool) -> None:
    """The mapping's tables, without keys, and the state that must be as lasting as they are."""
    kind = sql.SQL("UNLOGGED" if unlogged else "")
    for table in mapping.tables.values():
        connection.execute(_create_statement(table, schema, kind))
    connection.execute(sql.SQL(_CREATE_PART).format(kind=kind, part=sql.Identifier(schema, PART)))
    connection.execute(sql.SQL(_CREATE_REJECT).format(kind=kind, reject=sql.Identifier(schema, REJECT)))


def _create_statement(table: Table, schema: str, kind: sql.SQL) -> sql.Composed:
    columns = [sql.SQL("{name} bigint NOT NULL").format(name=sql.Identifier(RECORD_NO))]
    never_null = not_null(table)
    for column in table.all_columns:
        definition = sql.SQL("{name} {type}").format(name=sql.Identifier(column.name), type=_TYPES[column.type])
        columns.append(definition + sql.SQL(" NOT NULL" if column.name in never_null else ""))
    # Rows only come, and the whole table is read anyhow before anybody else does: vacuuming would be for nothing.
    statement = sql.SQL(
        "CREATE {kind} TABLE {table} ({columns}) WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false)"
    )
    return statement.format(kind=kind, table=sql.Identifier(schema, table.name), columns=sql.SQL(", ").join(columns))


def not_null(table: Table) -> frozenset[str]:
    """The columns of `table` that never hold NULL."""
    required = (column.name for column in table.all_columns if column.required)
    return frozenset((*table.primary_key, *table.distinct, *required))


def drop_tables(connection: Connection, schema: str, tables: set[str]) -> None:
    """Drop tables of `schema`, but nothing outside of it.

    Raises psycopg.errors.DependentObjectsStillExist when something else was built on them.
    """
    # Never CASCADE: a reader's view on these tables would vanish without a word.
    listed = [sql.Identifier(schema, name) for name in sorted(tables)]
    if listed:
        connection.execute(sql.SQL("DROP TABLE {tables}").format(tables=sql.SQL(", ").join(listed)))


def drop_schema(connection: Connection, schema: str) -> None:
    """Drop `schema`, if it is there, with its tables; raises as `drop_tables` does."""
    drop_tables(connection, schema, tables_of(connection, schema))
    connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {name}").format(name=sql.Identifier(schema)))


def rename_schema(connection: Connection, old: str, new: str) -> None:
    """Rename a schema; running queries keep the tables that they began with."""
    statement = sql.SQL("ALTER SCHEMA {old} RENAME TO {new}")
    connection.execute(statement.format(old=sql.Identifier(old), new=sql.Identifier(new)))


def copy_statement(table: Table, schema: str) -> sql.Composed:
    """The COPY that takes Extracted.copies of `table`."""
    statement = (
        "COPY {table} ({columns}) FROM STDIN (FORMAT csv, QUOTE {quote}, FORCE_NULL ({nullable}), ENCODING 'UTF8')"
    )
    return sql.SQL(statement).format(
        table=sql.Identifier(schema, table.name),
        columns=names(table.copy_columns),
        quote=sql.Literal(QUOTE),
        nullable=names(table.nullable),
    )


def names(columns: Iterable[str]) -> sql.Composed:
    """Columns as a list in SQL."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))
