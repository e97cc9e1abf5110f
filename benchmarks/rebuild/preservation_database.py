"""preservation-database's own import of an ONIX file: its command `import-ocul`, its models, its tables.

    python preservation_database.py SOURCE DSN

It takes its file from S3 alone, so it is handed a client that has one file to give.
"""

import contextlib
import sys
from pathlib import Path

import django
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict


class OneFile:
    """What the import asks of an S3 client."""

    def __init__(self, path: str) -> None:
        self._path = Path(path).resolve()

    def download_file(self, bucket: str, key: str, filename: str) -> None:
        Path(filename).symlink_to(self._path)


def main(source: str, dsn: str) -> None:
    at = conninfo_to_dict(dsn)
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": at["dbname"],
        "USER": at["user"],
        "HOST": at["host"],
        "PORT": at["port"],
    }
    settings.configure(INSTALLED_APPS=["preservationdatabase"], DATABASES={"default": database}, USE_TZ=True)
    django.setup()
    from django.db import connection
    from preservationdatabase.models import OculScholarsPortalPreservation, Publisher

    with connection.schema_editor() as editor:
        editor.create_model(Publisher)
        editor.create_model(OculScholarsPortalPreservation)
    # It prints a line for each unit that it does not know.
    with open("/dev/null", "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        OculScholarsPortalPreservation.import_data("holdings.xml", bucket="", s3client=OneFile(source))


if __name__ == "__main__":
    main(*sys.argv[1:])
