"""The command: python -m xml_rebuild load | rollback | check-mapping."""

import argparse
import ctypes
import json
import logging
import platform
import sys
from collections.abc import Sequence
from typing import Any

import psycopg

from xml_rebuild.errors import (
    BadInput,
    Busy,
    CheckFailed,
    CorruptInput,
    MalformedXML,
    MissingObject,
    RebuildError,
    TruncatedInput,
    WrongContent,
    WrongMapping,
)
from xml_rebuild.mapping import Mapping
from xml_rebuild.native.choice import told
from xml_rebuild.pipeline import DEFAULTS, Options, rebuild
from xml_rebuild.publish import rollback
from xml_rebuild.source import Source, client, locate

# malloc.h
_M_ARENA_MAX = -8

#: The exit code of each kind of failure; 2 is also that of a wrong command line. The most special kind counts.
EXIT_CODES: dict[type[Exception], int] = {
    MissingObject: 14,
    TruncatedInput: 15,
    MalformedXML: 16,
    WrongContent: 17,
    CheckFailed: 18,
    CorruptInput: 19,
    WrongMapping: 2,
    BadInput: 9,
    Busy: 6,
    RebuildError: 1,
    psycopg.Error: 1,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    options = _parser().parse_args(arguments)
    _share_one_heap()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    # boto3 tells at this level where it found credentials.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    try:
        options.run(options)
    except tuple(EXIT_CODES) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return exit_code(error)
    return 0


def _share_one_heap() -> None:
    """Else each thread has a heap of its own, in which what others have freed cannot be used: mallopt(3)."""
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def exit_code(error: Exception) -> int:
    """The code of the nearest of its kinds in EXIT_CODES."""
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("xml_rebuild", description="Rebuild a relational database from large XML files.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_load(commands.add_parser("load", help="fill a new database schema and put it in the place of the live one"))
    back = commands.add_parser("rollback", help="put the schema of before back in the place of the live one")
    _add_database(back)
    back.add_argument("--schema", required=True, help="the live schema")
    back.set_defaults(run=_rollback)
    check = commands.add_parser("check-mapping", help="read a mapping and show its tables and its engine")
    check.add_argument("mapping", help="a shipped mapping's name or the path of a YAML file")
    check.set_defaults(run=_check_mapping)
    return parser


def _add_database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dsn", default="", help="libpq connection string (default: libpq's own environment, PGHOST…)")
    parser.add_argument("--lock-timeout", default=DEFAULTS.lock_timeout, help="how long the swap waits for readers")
    parser.add_argument("--wait", type=float, default=DEFAULTS.wait, help="seconds to wait for another rebuild")


def _add_load(parser: argparse.ArgumentParser) -> None:
    _add_database(parser)
    parser.add_argument("--source", required=True, action="append", help="s3:// URL or path of a file or folder")
    parser.add_argument("--mapping", required=True, help="a shipped mapping's name or the path of a YAML file")
    parser.add_argument("--schema", help="the schema to rebuild (default: the mapping's name)")
    parser.add_argument("--threads", type=_positive, default=DEFAULTS.threads, help="that extract and load")
    parser.add_argument("--connections", type=_positive, default=DEFAULTS.connections, help="that make the indexes")
    parser.add_argument("--part-bytes", type=_positive, default=DEFAULTS.part_bytes, help="of plain XML, loaded as one")
    parser.add_argument("--max-rejected", type=int, default=DEFAULTS.max_rejected, help="records that may be bad")
    parser.add_argument(
        "--previous",
        type=_share,
        default=DEFAULTS.previous,
        help="how far a table's row count may be from the live one's, as a share; or none",
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.set_defaults(run=_load)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def _share(text: str) -> float | None:
    return None if text == "none" else float(text)


def _load(given: argparse.Namespace) -> None:
    mapping = Mapping.load(given.mapping)
    s3 = client() if any(url.startswith("s3://") for url in given.source) else None
    sources: list[Source] = [source for url in given.source for source in locate(url, s3)]
    names = ("threads", "connections", "part_bytes", "max_rejected", "previous", "lock_timeout", "wait")
    options = Options(**{name: getattr(given, name) for name in names})
    done = rebuild(given.dsn, mapping, given.schema or mapping.name, sources, options, s3).as_dict()
    print(json.dumps(done) if given.json else _told(done))


def _told(summary: dict[str, Any]) -> str:
    seconds = sum(summary["seconds"].values())
    speed = f"{summary['bytes'] / 1e6 / seconds:.1f} MB/s, {summary['records'] / seconds:.0f} records/s"
    lines = [f"{summary['records']} records, {summary['rejected']} rejected, in {seconds:.1f} s: {speed}"]
    lines += [f"{rows:>12} {table}" for table, rows in summary["rows"].items()]
    lines += [f"{count:>12} records removed: {rule}" for rule, count in summary["removed"].items()]
    return "\n".join(lines)


def _rollback(given: argparse.Namespace) -> None:
    rollback(given.dsn, given.schema, given.lock_timeout, given.wait)


def _check_mapping(given: argparse.Namespace) -> None:
    mapping = Mapping.load(given.mapping)
    for table in mapping.tables.values():
        columns = ", ".join(f"{column.name} {column.type}" for column in table.all_columns)
        print(f"{table.name} ({columns})")
    print(f"engine: {told(mapping)}")


if __name__ == "__main__":
    sys.exit(main())
