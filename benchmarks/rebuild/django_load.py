"""PubMed's ten tables by Django's ORM.

    python django_load.py bulk|transaction SOURCE DSN

bulk: `bulk_create`, a thousand records at a time. transaction: one transaction for the file, one `create` a row.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice

import django
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

BATCH = 1000


def main(way: str, source: str, dsn: str) -> None:
    set_up(dsn)
    from citations.models import KEYS, MODELS
    from django.db import connection
    from medline import records

    with connection.schema_editor() as editor:
        for model in MODELS:
            editor.create_model(model)
        for statement in KEYS:
            editor.execute(f"{statement} DEFERRABLE INITIALLY DEFERRED")
    {"bulk": bulk, "transaction": transaction}[way](records(source))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def set_up(dsn: str) -> None:
    at = conninfo_to_dict(dsn)
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": at["dbname"],
        "USER": at["user"],
        "HOST": at["host"],
        "PORT": at["port"],
    }
    settings.configure(INSTALLED_APPS=["citations"], DATABASES={"default": database}, USE_TZ=True)
    django.setup()


def bulk(records: Iterable) -> None:
    from citations.models import MODELS, Journal
    from medline import article, journal, parts

    journals: set[str] = set()
    records = iter(records)
    while True:
        rows = defaultdict(list)
        # One at a time: an element is gone when the next has come.
        for record in islice(records, BATCH):
            named = journal(record)
            if named and named.nlm_id not in journals:
                journals.add(named.nlm_id)
                rows[Journal].append(named)
            about = article(record)
            rows[type(about)].append(about)
            for part in parts(record, about.pmid):
                rows[type(part)].append(part)
        if not rows:
            return
        for model in MODELS:
            model.objects.bulk_create(rows[model])


def transaction(records: Iterable) -> None:
    from citations.models import Journal
    from django.db.transaction import atomic
    from medline import article, journal, parts

    with atomic():
        for record in records:
            if named := journal(record):
                Journal.objects.get_or_create(nlm_id=named.nlm_id, defaults=fields(named))
            about = article(record)
            about.save(force_insert=True)
            for part in parts(record, about.pmid):
                part.save(force_insert=True)


def fields(row) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


if __name__ == "__main__":
    main(*sys.argv[1:])
