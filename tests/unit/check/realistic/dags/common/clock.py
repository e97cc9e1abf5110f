"""A helper of the DAGs: mentions airflow and dag, and is imported by one."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)
