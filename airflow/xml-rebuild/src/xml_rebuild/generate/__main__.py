"""`python -m xml_rebuild.generate onix|unixref|pubmed --size 200MB --out FILE`."""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from xml_rebuild.generate import onix, pubmed, unixref
from xml_rebuild.generate.output import Made, Writable, size_of, write


def main(arguments: list[str] | None = None) -> int:
    """Write one document and say on standard error what it holds."""
    options = _parser().parse_args(arguments)
    with _opened(options.out) as out:
        written = write(_document(options), options.size, out)
    print(f"{written.records} records, {written.bytes} bytes", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m xml_rebuild.generate", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind, meaning in (
        ("onix", "ONIX Serials Online Holdings: what an archive preserves"),
        ("unixref", "Crossref metadata, one doi_record per work"),
        ("pubmed", "NLM's records from real files, each with a PMID of its own"),
    ):
        chosen = kinds.add_parser(kind, help=meaning, description=meaning)
        chosen.add_argument("--size", type=size_of, required=True, help="bytes to reach, such as 200MB or 3GB")
        chosen.add_argument("--out", required=True, help="file to write, or - for standard output")
        if kind == "pubmed":
            chosen.add_argument("files", nargs="+", type=Path, help="MEDLINE files, plain or gzip")
        else:
            chosen.add_argument("--seed", type=int, default=1, help="the same seed makes the same document")
    return parser


def _document(options: argparse.Namespace) -> Made:
    if options.kind == "pubmed":
        return pubmed.document(options.files)
    if options.kind == "onix":
        return onix.document(options.seed)
    return unixref.document(options.seed)


@contextlib.contextmanager
def _opened(out: str) -> Iterator[Writable]:
    if out == "-":
        yield sys.stdout.buffer
    else:
        with Path(out).open("wb") as file:
            yield file


if __name__ == "__main__":
    sys.exit(main())
