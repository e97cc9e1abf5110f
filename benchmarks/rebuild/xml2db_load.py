"""xml2db: the whole ONIX document into the tables that it derives from a schema.

python xml2db_load.py SOURCE DSN
"""

import sys
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL
from xml2db import DataModel


def main(source: str, dsn: str) -> None:
    at = conninfo_to_dict(dsn)
    url = URL.create("postgresql+psycopg", at["user"], None, at["host"], int(at["port"]), at["dbname"])
    # URL.create's own text hides passwords, and there is none: libpq takes it from the environment.
    model = DataModel(xsd_file=str(Path(__file__).with_name("onix.xsd")), connection_string=str(url))
    model.parse_xml(source).insert_into_target_tables()


if __name__ == "__main__":
    main(*sys.argv[1:])
