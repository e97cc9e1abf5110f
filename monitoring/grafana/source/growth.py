"""What Airflow's counters grew by, their first event included, which rate() would leave out."""

from windtunnel.metrics import growth as growth_of

HERE = 'environment="$environment"'


def growth(series: str, minutes: int) -> str:
    """Of each series, in so many minutes; monitoring/prometheus/rules/mwaa.yml explains it."""
    watched = f'up{{{HERE}, job="airflow"}} offset {minutes}m == 1'
    # A minute more, in which it was not yet scraped.
    begun = f'process_start_time_seconds{{{HERE}, job="airflow"}} > time() - {60 * (minutes + 1)}'
    return " ".join(growth_of(series, minutes, f"({watched} or {begun})").split())
