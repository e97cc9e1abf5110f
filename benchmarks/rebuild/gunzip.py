"""What unpacking alone takes a contender that reads only gzip.

python gunzip.py SOURCE
"""

import gzip
import sys


def main(source: str) -> None:
    with gzip.open(source) as file:
        while file.read(2**16):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
