"""DAG `pubmed_rebuild`: locate → unpack → begin → load (mapped) → finish → check → swap → report, tidy.

Tasks pass locations and summaries, never data.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, Param, dag, get_current_context, task

from pubmed_rebuild import gauges, summary
from pubmed_rebuild.job import MAPPING, RETRIES, SCHEMA, bucket, warehouse
from pubmed_rebuild.shares import label, shared
from pubmed_rebuild.summary import Summary
from pubmed_rebuild.unpacked import remove, unpacked
from xml_rebuild import checks, staging
from xml_rebuild import finish as finishing
from xml_rebuild.load import load_missing, load_parts
from xml_rebuild.mapping import Mapping
from xml_rebuild.parts import Part
from xml_rebuild.publish import publish
from xml_rebuild.source import Source
from xml_rebuild.source import locate as located_at

# More of them at once would wait for Postgres; the worker's other slots stay free for other DAGs.
LOADERS = 4
MIB = 2**20
# By which a part that `unpack` made may be larger than asked for, since it ends with whole records.
SLACK = 2

Form = dict[str, Any]

# Airflow loads this file under a name of its own making.
log = logging.getLogger("pubmed_rebuild.dag")

PARAMS = {
    "source": Param(
        "s3://windtunnel/pubmed/",
        type="string",
        pattern="^s3://.+",
        description="S3 prefix of MEDLINE files (.xml, .xml.gz, .xml.bz2, .xml.zst), or one such object",
    ),
    "shards": Param(
        None,
        type=["null", "string"],
        pattern="^s3://.+/.+",
        description="S3 prefix, outside of the source, below which packed objects are unpacked once into parts that "
        "tasks load side by side; without it a task loads a packed object as a whole",
    ),
    "part_mib": Param(256, type="integer", minimum=1, description="MiB of plain XML in a part"),
    "max_rejected": Param(100, type="integer", minimum=0, description="Records that may be put aside"),
    "difference": Param(
        checks.DIFFERENCE,
        type=["null", "number"],
        minimum=0,
        description="Share by which a table's row count may differ from the live one's; null: by any",
    ),
}


@task
def locate(params: Form) -> list[Form]:
    found = located_at(params["source"], bucket().get_conn())
    log.info("%d objects, %d bytes", len(found), sum(source.size for source in found))
    return [source.as_dict() for source in found]


@task
def unpack(located: list[Form], params: Form) -> list[Form]:
    if params["shards"] is None:
        return located
    sources = _sources(located)
    made = unpacked(bucket(), sources, params["shards"], Mapping.load(MAPPING), params["part_mib"] * MIB)
    return [source.as_dict() for source in made]


@task
def begin(sources: list[Form], params: Form) -> list[list[Form]]:
    parts = staging.begin(
        warehouse(),
        Mapping.load(MAPPING),
        SCHEMA,
        _sources(sources),
        (params["part_mib"] + SLACK) * MIB,
        bucket().get_conn(),
    )
    return [[part.as_dict() for part in share] for share in shared(parts)]


@task(map_index_template="{{ share_label }}", max_active_tis_per_dagrun=LOADERS)
def load(share: list[Form], params: Form) -> Summary:
    parts = [Part.from_dict(form) for form in share]
    get_current_context()["share_label"] = label(parts)  # type: ignore[typeddict-unknown-key]
    began = time.time()
    done = load_parts(warehouse(), parts=parts, **_loading(params))
    return summary.of_share(parts[0].rebuild, done, began, time.time())


@task
def finish(loaded: list[Summary], params: Form) -> Summary:
    shares = list(loaded)
    rebuild, phases = shares[0]["rebuild"], {"load": summary.load_seconds(shares)}
    with _timed(phases, "finish"):
        # What a crash of the server took away since.
        load_missing(warehouse(), rebuild=rebuild, **_loading(params))
        done = finishing.finish(
            warehouse(), Mapping.load(MAPPING), SCHEMA, on_progress=gauges.progress_of_this_task(), rebuild=rebuild
        )
    records = sum(share["records"] for share in shares)
    return done.as_dict() | {"rebuild": rebuild, "phases": phases, "records": records}


@task
def check(finished: Summary, params: Form) -> Summary:
    with _timed(finished["phases"], "check"):
        found = checks.check(
            warehouse(), Mapping.load(MAPPING), SCHEMA, params["difference"], rebuild=finished["rebuild"]
        )
    return finished | {"before": found.before}


@task
def swap(checked: Summary) -> Summary:
    with _timed(checked["phases"], "swap"):
        publish(warehouse(), SCHEMA, rebuild=checked["rebuild"])
    return checked


@task
def report(swapped: Summary) -> Summary:
    told = summary.report(swapped)
    gauges.send_outcome("pubmed_rebuild", told["tables"], told["phases"])
    log.info("Rebuilt %d records in %s s, %s MB/s", told["records"], told["seconds"], told["mb_per_s"])
    log.info("Tables %s, removed by rule %s, %d put aside", told["tables"], told["rules"], told["rejected"])
    return told


@task
def tidy(located: list[Form], sources: list[Form]) -> list[str]:
    return remove(bucket(), _sources(located), _sources(sources))


@dag(
    dag_id="pubmed_rebuild",
    description="Rebuild the PubMed database from MEDLINE XML and swap it in",
    # Without the buffer of None or False, which is three days: unpausing on the 2nd would run it for the 1st at once.
    schedule=CronTriggerTimetable("@monthly", timezone="UTC", run_immediately=timedelta()),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    default_args=RETRIES,
    doc_md="See dags/pubmed_rebuild/README.md for the tables, the rules and the failures.",
    tags=["windtunnel"],
)
def pubmed_rebuild() -> None:
    """The job as Airflow sees it."""
    found = locate()
    sources = unpack(found)
    swapped = swap(check(finish(load.expand(share=begin(sources)))))
    report(swapped)
    swapped >> tidy(found, sources)


def _sources(forms: list[Form]) -> list[Source]:
    return [Source(**form) for form in forms]


def _loading(params: Form) -> dict[str, Any]:
    return {
        "mapping": Mapping.load(MAPPING),
        "schema": SCHEMA,
        "s3": bucket().get_conn(),
        "on_progress": gauges.progress_of_this_task(),
        "max_rejected": params["max_rejected"],
    }


@contextmanager
def _timed(phases: dict[str, float], phase: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    phases[phase] = round(time.monotonic() - began, 3)


pubmed_rebuild()
