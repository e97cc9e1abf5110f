"""`up`: from whatever the machine has to a healthy stack, its main job done. One step a function, in order."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from python_on_whales import docker

from windtunnel import aws_profile, bucket_layout, engine, images, log_groups, sample, shapes
from windtunnel.classes import environment_class
from windtunnel.console import Step, step
from windtunnel.engine import Engine
from windtunnel.errors import RunFailed, UsageError
from windtunnel.machine import GB, Need, Requirements, check, demand, host_ca_bundle
from windtunnel.runs import TaskFailure, run_dag
from windtunnel.settings import ROOT, SETTINGS, EnvironmentFile
from windtunnel.stack import PUBLISHED, Stack

DISK_TO_BUILD = Need(wanted=15 * GB, least=10 * GB)
DISK_TO_RUN = Need(wanted=5 * GB, least=2 * GB)
LIGHT = {
    "CELERY_WORKER_AUTOSCALE": "2,2",
    "TRIGGERER_ENABLED": "False",
    "METRICS_ENABLED": "False",
    # MinIO takes its buffers at the start, by its limit: 190 MB of 1 GB, 50 MB of this.
    "MINIO_MEMORY": "256m",
    "WEBSERVER_CPUS": "2",
}


GIT_IMAGE = "windtunnel-airflow-git:3.3.1"


@dataclass(frozen=True)
class Options:
    """What the user asked of `up`."""

    images: str = "auto"
    environment_class: str | None = None
    light: bool = False
    shape: str | None = None
    delivery: str | None = None
    tls: bool | None = None
    aws_profile: str | None = None
    git: str | None = None
    start: bool = True


@dataclass(frozen=True)
class Job:
    """The main job's outcome: its run, the report of its last task, and the worker's memory (bytes)."""

    run_id: str
    report: dict[str, Any]
    worker_peak: int
    worker_limit: int


def up(stack: Stack, options: Options) -> None:
    """Bring the stack to where every service is healthy, or, not to be started, to where nothing is missing for that.

    Does nothing but check where it is so already.

    Raises:
        WindtunnelError: the step that failed, as its error says.
    """
    images.check_mode(options.images)
    size = environment_class(options.environment_class or stack.environment.value("ENVIRONMENT_CLASS"))
    if options.delivery not in (None, "project", "bucket"):
        raise UsageError(f"--delivery {options.delivery}: expected project or bucket")
    shape = shapes.overlays(options.shape, size.name, options.light)
    log_groups.check(stack.environment.value("TASK_LOGS"), shape)
    with step("engine") as now:
        found = engine.ensure(now.say)
        now.result = f"Docker {found.server}, Compose {found.compose}, Buildx {found.buildx}"
    with step("machine") as now:
        configure(stack, options, found)
        now.result = check_machine(stack, found, now)
    with step("images") as now:
        mode = images.choose(options.images, stack.environment)
        images.refuse_to_switch(mode, stack.environment, stack.has_volumes())
        images.record(mode, stack.environment, (*shape, *shapes.additions(stack.environment.values())))
        outdated = images.outdated(mode, stack.environment)
        get_images(stack, mode, outdated, now)
    if not options.start:
        return
    with step("start") as now:
        started = stack.start()
        now.result = f"{len(stack.containers())} services healthy" + ("" if started else ", nothing to do")
    stack.write_authority()


def configure(stack: Stack, options: Options, found: Engine) -> None:
    """Write what this machine and the user's options ask for into the environment file."""
    environment = stack.environment
    wanted: dict[str, str] = {}
    if stack.name != SETTINGS["WINDTUNNEL_NAME"].default and not environment.path.exists():
        wanted |= {setting: "0" for _, setting, _ in PUBLISHED.values()}
    wanted["WINDTUNNEL_NAME"] = stack.name
    wanted |= _size(stack, options, found)
    wanted |= _source(environment, options)
    wanted |= _additions(environment, options)
    aws_profile.check(environment.values() | wanted)
    if bundle := host_ca_bundle():
        wanted["CA_BUNDLE"] = str(bundle)
    if sys.platform == "linux" and os.getuid():
        wanted["AIRFLOW_UID"] = str(os.getuid())
    environment.record(**wanted)


def _source(environment: EnvironmentFile, options: Options) -> dict[str, str]:
    """Where the containers' code and the execution role's policy come from, and how its bucket is laid out."""
    role = environment.project / "execution-role.json"
    wanted = {"WINDTUNNEL_PROJECT": environment.value("WINDTUNNEL_PROJECT")}
    wanted["EXECUTION_ROLE_FILE"] = str(role) if role.is_file() else SETTINGS["EXECUTION_ROLE_FILE"].default
    wanted |= bucket_layout.settings(environment.project)
    return wanted | ({"DELIVERY": options.delivery} if options.delivery else {})


def _additions(environment: EnvironmentFile, options: Options) -> dict[str, str]:
    """What is recorded of TLS, a real AWS profile and a git repository; what is not asked about stays as it is."""
    wanted: dict[str, str] = {}
    if options.tls is not None:
        wanted["WINDTUNNEL_TLS"] = "on" if options.tls else ""
    if options.aws_profile is not None:
        wanted |= aws_profile.settings(options.aws_profile, environment)
    if options.git is not None:
        wanted["GIT_REPOSITORY"] = options.git
        wanted["AIRFLOW_IMAGE"] = GIT_IMAGE if options.git else SETTINGS["AIRFLOW_IMAGE"].default
    return wanted


def _size(stack: Stack, options: Options, found: Engine) -> dict[str, str]:
    """The limits of the class and of light mode, where asked for; none above the processors that this machine has."""
    environment = stack.environment
    wanted = LIGHT if options.light else {name: SETTINGS[name].default for name in LIGHT if _is_light(stack)}
    if options.environment_class:
        wanted = environment_class(options.environment_class).settings(found.cpus) | wanted
    limits = {name: wanted.get(name, environment.value(name)) for name in SETTINGS if name.endswith("_CPUS")}
    return wanted | {name: str(found.cpus) for name, cpus in limits.items() if float(cpus) > found.cpus}


def _is_light(stack: Stack) -> bool:
    return shapes.LIGHT[-1] in stack.environment.value("COMPOSE_FILE")


def check_machine(stack: Stack, found: Engine, now: Step) -> str:
    """Hold memory, processors, disk and the ports that are not ours already against what the stack needs.

    Returns what was found, with what is expected. Raises `MachineUnfit`, `DiskFull` or `PortTaken`.
    """
    findings = check(requirements(stack, found))
    for finding in findings:
        if finding.level == "warn":
            now.say(f"{finding.subject}: {finding.expected} wanted, {finding.found} found")
    demand(findings)
    sizes = [f"{one.subject} {one.found} (≥ {one.expected})" for one in findings if one.expected != "free"]
    return ", ".join([*sizes, f"{sum(one.expected == 'free' for one in findings)} ports free"])


def requirements(stack: Stack, found: Engine) -> Requirements:
    """What the stack needs of this machine: disk by whether images are to be built, ports that are not ours already."""
    values = stack.environment.values()
    disk = DISK_TO_RUN if docker.image.exists(values["AIRFLOW_IMAGE"]) else DISK_TO_BUILD
    ports = {setting: int(values[setting]) for _, setting, _ in PUBLISHED.values()}
    ours = {PUBLISHED[service][1] for service in stack.ports()}
    return Requirements(
        memory_bytes=found.memory_bytes,
        cpus=found.cpus,
        disk={found.data_root: disk, ROOT: Need(wanted=GB, least=GB // 2)},
        ports={setting: port for setting, port in ports.items() if port and setting not in ours},
    )


def get_images(stack: Stack, mode: images.Mode, outdated: list[images.Build], now: Step) -> None:
    """Pull and build what is missing."""
    if mode == "official":
        images.pull(stack.compose)
    if outdated:
        images.build(outdated, stack.compose, stack.environment, now.say, now.progress)
    now.result = f"{mode}, " + (f"{len(outdated)} built" if outdated else "all there")
    if mode == "source" and not stack.environment.value("COMPOSE_PROFILES"):
        now.result += "; no Grafana: no package registry has it (GRAFANA_IMAGE names one that is loaded)"


def main_job(stack: Stack, source: str | None, timeout: float) -> Job:
    """Put the input into the bucket, rebuild the database from it, and return what was done.

    The sample is rebuilt once: while nothing has changed, the last run's report is returned again.

    Raises:
        BadInput: the input will not do; the tables that were live are as they were.
        RunFailed: the job failed otherwise.
    """
    with step("deliver") as now:
        address, what = _deliver(stack, source, now)
        now.result = what
    with step("rebuild") as now:
        job = _rebuild(stack, address, timeout, now)
        report = job.report
        now.result = f"{report['records']:,} records, {report['bytes'] / 1e6:.0f} MB at {report['mb_per_s']:.1f} MB/s"
    return job


def _deliver(stack: Stack, source: str | None, now: Step) -> tuple[str, str]:
    bucket = sample.Bucket(stack.environment.value("BUCKET"), stack.url("minio"), stack.secrets["s3_secret_key"])
    if source:
        address = sample.user_source(source, bucket, lambda _: now.progress(f"uploading {source}"))
        return address, address
    paths = sample.fetch(now.say)
    for path in paths:
        bucket.put(path, sample.PREFIX + path.name, lambda _: now.progress("uploading the sample"))
    address = f"s3://{bucket.name}/{sample.PREFIX}"
    return address, f"{len(paths)} PubMed files in {address}"


def _rebuild(stack: Stack, address: str, timeout: float, now: Step) -> Job:
    api = stack.api()
    run_id = (
        _done_before(stack, address)
        or run_dag(
            api,
            "pubmed_rebuild",
            # What is given by hand need not be about as large as what is live.
            {"source": address, "difference": None},
            timeout=timeout,
            discovery=60,
            on_change=lambda task: now.progress(f"{task.name}: {task.state}"),
            on_failure=lambda failure: _show(failure, now),
        ).run_id
    )
    report = api.xcom("pubmed_rebuild", run_id, "report")
    if not isinstance(report, dict):
        raise RunFailed(f"pubmed_rebuild, run {run_id}: expected a report from its last task, found {report!r}")
    peak, limit = stack.worker_peak()
    _last_run(stack).parent.mkdir(exist_ok=True)
    _last_run(stack).write_text(f"{address} {run_id}")
    return Job(run_id, report, peak, limit)


def _show(failure: TaskFailure, now: Step) -> None:
    for line in failure.log_tail:
        now.say(line)


def _last_run(stack: Stack) -> Path:
    return ROOT / f".cache/{stack.name}.last-rebuild"


def _done_before(stack: Stack, address: str) -> str | None:
    """The id of the run that rebuilt this sample in this stack, if it is there still and ended well."""
    if not address.endswith(sample.PREFIX) or not _last_run(stack).exists():
        return None
    last_address, _, run_id = _last_run(stack).read_text().partition(" ")
    run = stack.api().dag_run("pubmed_rebuild", run_id) if last_address == address else None
    return run_id if run and run.state == "success" else None
