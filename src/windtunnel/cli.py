"""The command line: each verb in a few lines, the work in the modules that it names."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from python_on_whales import DockerException
from rich.markup import escape
from rich.table import Table

from windtunnel import backup as backups
from windtunnel import classes, destinations, engine, log_groups, runs, scaffold_project, selftest
from windtunnel import deploy as deploying
from windtunnel import explain as explanation
from windtunnel import up as bring_up
from windtunnel.bench.command import app as bench
from windtunnel.console import err, out, step
from windtunnel.deployments import Change
from windtunnel.doctor import diagnose
from windtunnel.errors import MachineUnfit, RunFailed, UsageError, WindtunnelError
from windtunnel.explain.table import rows as evidence_rows
from windtunnel.settings import ROOT, EnvironmentFile
from windtunnel.stack import Stack

if TYPE_CHECKING:
    from windtunnel.report.build import Summary

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
app.add_typer(bench, name="bench")
stack_name = os.environ.get("WINDTUNNEL_NAME", "windtunnel")

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Project = Annotated[
    Path | None, typer.Option("--project", help="The project folder; that of the environment when left out.")
]


def _version(wanted: bool) -> None:
    if wanted:
        out.print(version("windtunnel"))
        raise typer.Exit


@app.callback()
def options(
    name: Annotated[
        str, typer.Option(envvar="WINDTUNNEL_NAME", help="Which stack: another name, another stack beside the first.")
    ] = "windtunnel",
    project: Annotated[
        Path | None, typer.Option(envvar="WINDTUNNEL_PROJECT", help="Your project's folder; `up` remembers it.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A local MWAA environment: Airflow with Celery workers held to MWAA's limits, S3, Postgres, metrics."""
    global stack_name
    stack_name = name
    if project:
        os.environ["WINDTUNNEL_PROJECT"] = str(_folder(project))


def _folder(project: Path) -> Path:
    if not project.is_dir():
        raise UsageError(f"project {project}: expected a folder, found none", "./windtunnel init makes one")
    return project.resolve()


def stack() -> Stack:
    """The stack that the command line names."""
    return Stack(EnvironmentFile(stack_name))


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The folder; made when it is not there.")] = Path(),
    from_environment: Annotated[
        str | None,
        typer.Option(help="Class, options, bucket layout of a real one: get-environment's JSON, or its name."),
    ] = None,
) -> None:
    """Make a project folder as MWAA takes it, with an example that runs.

    Example: [bold]./windtunnel init ~/pipelines[/]
    """
    made = scaffold_project.init(
        folder.resolve(), scaffold_project.described(from_environment) if from_environment else None
    )
    for path in made.files:
        out.print(f"  {made.folder / path}", soft_wrap=True)
    out.print(f"→ {made.command}", soft_wrap=True, markup=False)


@app.command()
def up(
    images: Annotated[str, typer.Option(help="official, source (built from package registries) or auto.")] = "auto",
    environment_class: Annotated[str | None, typer.Option("--class", help="mw1.small, mw1.medium, …")] = None,
    shape: Annotated[
        str | None, typer.Option(help="Which components share a container: separate, hybrid, shared, unit.")
    ] = None,
    delivery: Annotated[
        str | None,
        typer.Option(help="Where Airflow's code is from: project, the folder, or bucket, as in MWAA."),
    ] = None,
    tls: Annotated[
        bool | None, typer.Option("--tls/--no-tls", help="HTTPS for the web server, TLS to Postgres; remembered.")
    ] = None,
    aws_profile: Annotated[
        str | None,
        typer.Option(help="S3 and secrets of a profile of your AWS account; remembered, '' for the local ones again."),
    ] = None,
    git: Annotated[
        str | None,
        typer.Option(help="A git repository to take DAGs from too; remembered, '' for none again."),
    ] = None,
    light: Annotated[bool, typer.Option("--light", help="No monitoring, one worker of two slots.")] = False,
    start: Annotated[bool, typer.Option("--start/--no-start", help="Or only fetch and build what it needs.")] = True,
    demo: Annotated[bool, typer.Option("--demo/--no-demo", help="Rebuild the sample database at the end.")] = True,
    source: Annotated[str | None, typer.Option(help="Your own PubMed XML: a file, or an s3:// address.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds that the main job may take.")] = 3600,
) -> None:
    """Start the stack, on a bare machine too, and run the main job.

    Example: [bold]./windtunnel up --class mw1.medium --no-demo[/]
    """
    this = stack()
    bring_up.up(this, bring_up.Options(images, environment_class, light, shape, delivery, tls, aws_profile, git, start))
    if not start:
        return
    # The sample is never put into a bucket of the user's account.
    job = bring_up.main_job(this, source, timeout) if demo and not this.environment.value("REAL_AWS_PROFILE") else None
    _summary(this, job)


def _summary(this: Stack, job: bring_up.Job | None) -> None:
    if job:
        _print_job(job)
    for service, url in this.urls().items():
        out.print(f"  {service:<14} {url}")
    _print_boot_problems(this.boot_problems())
    out.print("  passwords      ./windtunnel credentials")
    if this.authority:
        out.print(f"  authority      {this.authority_file}", soft_wrap=True)


def _print_job(job: bring_up.Job) -> None:
    report = job.report
    for table, rows in sorted(report["tables"].items()):
        out.print(f"  {table:<18} {rows:>10,} rows")
    for rule, count in sorted(report["rules"].items()):
        out.print(f"  [dim]{rule:<18} {count:>10,}[/]")
    out.print(
        f"  {report['records']:,} records in {report['seconds']:.1f} s, {report['mb_per_s']:.1f} MB/s; "
        f"the worker's peak {job.worker_peak / 1e6:.0f} MB of {job.worker_limit / 1e6:.0f} MB"
    )


@app.command()
def deploy(
    environment: Annotated[
        str | None, typer.Option(help="An MWAA environment of your AWS account; this stack when left out.")
    ] = None,
    rollback: Annotated[bool, typer.Option("--rollback", help="Bring back what the deployment before had.")] = False,
) -> None:
    """Bring the project into an environment's bucket, and wait until the environment has it.

    The stack's own environment must take its code from the bucket: up --delivery bucket.

    Example: [bold]./windtunnel --project ~/pipelines deploy --environment production[/]
    """
    there, deployments = destinations.of_account(environment) if environment else destinations.of_stack(stack())
    with step("deploy") as now:
        if rollback:
            done = deploying.roll_back(stack().environment.project, there, deployments, now.say)
        else:
            done = deploying.deploy(stack().environment.project, there, deployments, now.say)
        now.result = ", ".join(done.updated) or "the environment needed no update"
    _print_change(done.change)


def _print_change(change: Change) -> None:
    for sign, keys in {"+": change.added, "~": change.changed, "-": change.removed}.items():
        for key in keys:
            out.print(f"  {sign} {key}", markup=False, soft_wrap=True)


@app.command()
def down(
    volumes: Annotated[bool, typer.Option("--volumes", help="Delete the data too.")] = False,
) -> None:
    """Stop the stack; running tasks have 90 s to end.

    Example: [bold]./windtunnel down --volumes[/]
    """
    stack().down(volumes)


@app.command()
def backup(archive: Annotated[Path, typer.Argument(help="The file to write, a .tar.gz.")]) -> None:
    """Write databases, buckets, secrets and logs into one file; the stack is stopped meanwhile.

    Example: [bold]./windtunnel backup before-upgrade.tar.gz[/]
    """
    with step("backup") as now:
        made = backups.backup(stack(), archive)
        now.result = f"{archive}, {archive.stat().st_size / 1e6:,.0f} MB: {', '.join(made.volumes)}"


@app.command()
def restore(archive: Annotated[Path, typer.Argument(help="A file that `backup` wrote.")]) -> None:
    """Make the data of a stack that has none what a backup has; then start it with `up`.

    Example: [bold]./windtunnel restore before-upgrade.tar.gz[/]
    """
    with step("restore") as now:
        found = backups.restore(stack(), archive)
        now.result = f"as of {found.at}: {', '.join(found.volumes)}; now: ./windtunnel --name {stack_name} up --no-demo"


@app.command()
def status(as_json: Json = False) -> None:
    """Show every service, its health, its memory against its limit.

    Example: [bold]./windtunnel status --json[/]
    """
    state = stack().status()
    if as_json:
        print(json.dumps(state, indent=2))
        return
    table = Table("service", "state", "health", "memory", "limit", "restarts", box=None)
    for one in state["services"]:
        memory, limit = (f"{one[key] / 1e6:,.0f} MB" for key in ("memory_bytes", "memory_limit_bytes"))
        table.add_row(one["name"], one["state"], one["health"], memory, limit, str(one["restarts"]))
    out.print(table)
    data = sum(volume["bytes"] for volume in state["volumes"])
    out.print(
        f"{state['name']}, {state['class']}, {state['images']} images; memory {state['memory_bytes'] / 1e6:,.0f} MB, "
        f"data {data / 1e6:,.0f} MB in {len(state['volumes'])} volumes"
    )
    source = state["project"] if state["delivery"] == "project" else "its bucket (./windtunnel deploy)"
    out.print(f"code from {source}", soft_wrap=True, markup=False)
    _print_boot_problems(state["boot_problems"])


def _print_boot_problems(problems: dict[str, list[str]]) -> None:
    for component, found in problems.items():
        for problem in found:
            out.print("[red]✗[/] " + escape(f"{component} started without: {problem}"))
    if problems:
        out.print("[dim]  MWAA logs these too and starts; an update that does not come up in time it rolls back.[/]")


@app.command()
def logs(
    what: Annotated[
        str | None,
        typer.Argument(help="A service, or Task, DAGProcessing, Scheduler, WebServer, Worker; all services."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    tail: Annotated[int, typer.Option(help="Lines of each service, or of a group.")] = 200,
) -> None:
    """Print the services' logs, or one of MWAA's log groups: the logs of tasks, the output of a component.

    Example: [bold]./windtunnel logs Task -f[/]
    """
    following = ["--follow"] if follow else []
    group = log_groups.find(what, stack_name) if what else None
    if not group:
        _hand_over("logs", "--tail", str(tail), *following, *([what] if what else []))
    values = stack().environment.values()
    if service := log_groups.service(group, values["TASK_LOGS"], values["COMPOSE_FILE"]):
        _hand_over("logs", "--tail", str(tail), *following, service)
    stack().container("webserver")
    reader = ["python3", "-m", "windtunnel_runtime.read_logs", group, str(tail), *following]
    # It follows until its input ends, which is ours to hold: a command in a container is not told of Ctrl-C.
    _hand_over("exec", "-T", "webserver", *reader, stdin=subprocess.PIPE if follow else subprocess.DEVNULL)


@app.command()
def shell(service: Annotated[str, typer.Argument(help="Which service's container.")] = "webserver") -> None:
    """Open a shell in a running container.

    Example: [bold]./windtunnel shell worker[/]
    """
    stack().container(service)
    _hand_over("exec", *_tty(), service, "sh", "-c", "command -v bash >/dev/null && exec bash || exec sh")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def airflow(context: typer.Context) -> None:
    """Run Airflow's own command line inside the environment.

    Example: [bold]./windtunnel airflow dags list[/]
    """
    stack().container("webserver")
    _hand_over("exec", *_tty(), "webserver", "airflow", *context.args)


def _tty() -> list[str]:
    return [] if sys.stdin.isatty() and sys.stdout.isatty() else ["-T"]


def _hand_over(*arguments: str, stdin: int | None = None) -> NoReturn:
    """Let compose talk to the terminal itself, and end with its status."""
    environ = os.environ | {"WINDTUNNEL_NAME": stack_name}
    with subprocess.Popen([*stack().compose, *arguments], cwd=ROOT, env=environ, stdin=stdin) as compose:
        raise typer.Exit(compose.wait())


@app.command()
def credentials(as_json: Json = False) -> None:
    """Print the generated users and passwords, and the warehouse's DSN.

    Example: [bold]psql "$(./windtunnel credentials --json | jq -r .warehouse.dsn)"[/]
    """
    known = stack().credentials()
    if as_json:
        print(json.dumps(known, indent=2))
        return
    for service, login in known.items():
        out.print(f"  {service:<10} {login['user']:<13} {login['password']}")
    out.print(f"  {'dsn':<10} {known['warehouse']['dsn']}")


@app.command()
def run(
    dag: Annotated[str, typer.Argument(help="The DAG's id.")],
    conf: Annotated[str, typer.Option(help="The run's configuration, a JSON object.")] = "{}",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the run's end.")] = 3600,
    as_json: Json = False,
) -> None:
    """Run a DAG through the queue, wait for that run, and exit with its result.

    Exits 0 on success, 1 on failure, 4 when there is no such DAG, 5 when its file does not import, 6 on time-out.

    Example: [bold]./windtunnel run my_dag --conf '{"day": "2026-11-01"}' --timeout 600[/]
    """
    this = stack()
    say = err.print if as_json else out.print
    result = runs.run_dag(
        this.api(),
        dag,
        _json_object(conf),
        timeout=timeout,
        on_triggered=lambda run_id: say(f"run {run_id}"),
        on_change=lambda task: say(f"  {task.name} [dim]try {task.try_number}[/] {task.state}"),
        on_failure=lambda failure: say(
            "\n".join(["", f"log of {failure.task.name}:", *failure.log_tail]), markup=False
        ),
        read_dag_file=lambda path: _dag_file(this, path),
    )
    if as_json:
        print(json.dumps({"dag_id": dag, "run_id": result.run_id, "tasks": {t.name: t.state for t in result.tasks}}))
    else:
        out.print(f"[green]✓[/] {dag} succeeded")


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"--conf: expected a JSON object, found {text!r} ({error})") from error
    if not isinstance(value, dict):
        raise UsageError(f"--conf: expected a JSON object, found {text!r}")
    return value


def _dag_file(this: Stack, path: str) -> str | None:
    file = this.environment.project / "dags" / path
    return file.read_text() if file.is_file() else None


@app.command()
def doctor() -> None:
    """Check everything from the machine to a task run by a worker; name the first thing that is wrong.

    Example: [bold]./windtunnel doctor[/]
    """
    diagnose(stack())


@app.command()
def explain(
    dag: Annotated[str, typer.Argument(help="The DAG's id.")],
    task: Annotated[str | None, typer.Argument(help="A task, or one mapped instance: load[2].")] = None,
    run: Annotated[str | None, typer.Argument(help="A run's id; the newest when left out.")] = None,
    as_json: Json = False,
) -> None:
    """Say why a task is queued, gone, failed or dead: the cause, the evidence, the next command.

    Without TASK it takes the most telling one of the run.

    Example: [bold]./windtunnel explain my_dag load[/]
    """
    found = explanation.explain(stack(), dag, task, run)
    if as_json:
        print(json.dumps(found.as_json(), indent=2))
        return
    out.print(found.subject, style="bold", markup=False)
    for sentence in (found.answer, *(f"Also: {also}" for also in found.also)):
        out.print(sentence, markup=False)
    table = Table("evidence", "found", box=None)
    for what, seen in evidence_rows(found.evidence):
        table.add_row(escape(what), escape(seen))
    out.print(table)
    out.print(f"→ {found.next}", markup=False)


@app.command()
def report(
    since: Annotated[str, typer.Option(help="How far back: 15m, 1h, 7d.")] = "1h",
    output: Annotated[Path, typer.Option(help="The page's file.")] = Path("windtunnel-report.html"),
    png: Annotated[bool, typer.Option("--png", help="Each dashboard as a picture too, light and dark.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Serve the page live on 127.0.0.1 until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(help="The live page's port; 0 takes any free one.")] = 8090,
    dag: Annotated[str, typer.Option(help="Only this DAG.")] = "",
    task: Annotated[str, typer.Option(help="Only this task.")] = "",
    as_json: Json = False,
) -> None:
    """Draw the dashboards as one HTML page, without Grafana.

    Example: [bold]./windtunnel report --since 15m --png[/]
    """
    from windtunnel.report import build, server  # matplotlib takes its time

    source = build.Source(stack(), since, dag, task)
    if watch:
        live = server.Server(server.Latest(source), port)
        out.print(f"  {live.url}  Ctrl-C ends it")
        server.watch(live)
        return
    done = build.write(source, output, png)
    if as_json:
        print(json.dumps(asdict(done), indent=2, default=str))
    else:
        _print_report(done)


def _print_report(done: "Summary") -> None:
    for title in done.failed:
        out.print(f"  [red]query failed[/] {title}")
    for title in done.empty:
        out.print(f"  no data: {title}")
    counts = f"{done.panels} panels, {len(done.empty)} without data, {len(done.excused)} more need a fault"
    out.print(f"  {counts}; {done.seconds:.1f} s")
    for path in done.files:
        out.print(f"  {path}", soft_wrap=True)


@app.command()
def check(
    project: Project = None,
    environment_class: Annotated[str | None, typer.Option("--class", help="mw1.small, mw1.medium, …")] = None,
    resolve: Annotated[bool, typer.Option("--resolve", help="Ask a package index whether all can be had.")] = False,
    run_startup: Annotated[
        bool | None,
        typer.Option(
            "--run-startup/--no-run-startup",
            help="Run startup.sh in a throw-away container; when left out, where Docker and the image are there.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what of a project MWAA would break, without a stack: DAGs, plugins, requirements, startup.sh, options.

    Exits 1 when a finding is an error; warnings alone exit 0.

    Example: [bold]./windtunnel check --project my_project --json[/]
    """
    from windtunnel.check import check, printing, trial
    from windtunnel.check.resolution import resolution

    this = stack()
    project = project or this.environment.project
    size = classes.environment_class(environment_class or this.environment.value("ENVIRONMENT_CLASS"))
    tried = trial.of_project(project / "startup.sh", this, size.worker[1], run_startup)
    found = check(project, size.name, tried)
    found += resolution(project) if resolve else []
    if as_json:
        print(printing.as_json(found, tried))
    else:
        printing.show(found, out, tried)
    if errors := printing.counts(found)["errors"]:
        raise RunFailed(f"{errors} errors in {project}", "docs/check.md has every rule")


@app.command()
def package(
    project: Project = None,
    output: Annotated[
        Path | None, typer.Option(help="Where the files go; build/ in the project when left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make plugins.zip with wheels for MWAA of all requirements, and requirements that install from it offline.

    Example: [bold]./windtunnel package --project my_project[/]
    """
    from windtunnel import package as packages
    from windtunnel.package import offline

    project = project or stack().environment.project
    done = packages.package(project, output or project / "build", err.print)
    err.print("installing in a container without a network")
    why_not = offline.install(done.plugins, done.requirements, stack().environment.value("AIRFLOW_IMAGE"))
    if as_json:
        container = {"installed": not why_not, "why_not": why_not}
        print(json.dumps(asdict(done) | {"container": container}, indent=2, default=str))
        return
    out.print(f"[green]✓[/] {done.plugins}: {len(done.wheels)} wheels, {done.bytes / 1e6:.1f} MB")
    how = "with the network cut" if done.network_cut else "without an index"
    out.print(f"[green]✓[/] {done.requirements}: installs from it for MWAA's platform, {how}")
    out.print(
        f"  not in a container: {why_not}" if why_not else "  and in a container without a network, as MWAA does",
        markup=False,
    )


@app.command("selftest", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run_selftest(
    context: typer.Context,
    full: Annotated[bool, typer.Option("--full", help="Repeat what is drawn at random, more often.")] = False,
) -> None:
    """Test Windtunnel itself: lint, types, unit tests, a stack of its own. More words go to pytest.

    Example: [bold]./windtunnel selftest -k warm[/] (KEEP=1 leaves the stack)
    """
    raise typer.Exit(selftest.main(context.args, full))


@app.command(hidden=True)
def docs() -> None:
    """Write the files that are made from the tables (a test holds them to it)."""
    from windtunnel import documents

    for path, text in documents.all_of_them().items():
        Path(path).write_text(text)


def main() -> None:
    """Run the command line; every error of ours ends with its own exit code."""
    try:
        app(prog_name="./windtunnel")
    except WindtunnelError as error:
        _fail(error)
    except DockerException as error:
        _fail(_of_the_engine(error))
    except KeyboardInterrupt:
        err.print("interrupted; what was started goes on (./windtunnel status)")
        sys.exit(130)


def _of_the_engine(error: DockerException) -> WindtunnelError:
    """What a failed docker command means: the engine is away, or it refused what was asked."""
    try:
        engine.find()
    except WindtunnelError as why:
        return why
    return MachineUnfit(f"{' '.join(error.docker_command)}: {(error.stderr or '').strip()}", "./windtunnel doctor")


def _fail(error: WindtunnelError) -> None:
    err.print(f"[red]✗[/] {type(error).__name__}:", end=" ")
    err.print(error.message, markup=False)
    if error.help:
        err.print(f"  → {error.help}", markup=False)
    sys.exit(error.exit_code)
