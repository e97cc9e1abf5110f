"""The ceiling: lxml's iterparse over the whole document, nothing extracted, no database.

python lxml_ceiling.py SOURCE RECORD
"""

import sys

from lxml import etree


def main(source: str, record: str) -> None:
    for _, element in etree.iterparse(source, tag=f"{{*}}{record}"):
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]


if __name__ == "__main__":
    main(*sys.argv[1:])
