"""Everything of a project folder that MWAA would break, found without a stack and without running its DAGs."""

from collections.abc import Iterator
from pathlib import Path

from windtunnel.check import (
    arguments,
    at_import,
    configuration,
    dependencies,
    imports,
    integrity,
    plugins,
    requirements,
    startup,
    writes,
)
from windtunnel.check.finding import Finding
from windtunnel.check.project import Project
from windtunnel.check.trial import Trial
from windtunnel.classes import environment_class


def check(folder: Path, class_name: str = "mw1.small", trial: Trial | None = None) -> list[Finding]:
    """All findings in the project folder, by file and line.

    `class_name` is the environment class that the DAGs are counted for, `trial` how a run of startup.sh went.

    Raises:
        UsageError: there is no such folder, or no such class.
    """
    size = environment_class(class_name)
    project = Project(folder)
    return sorted(
        {*_static(project), *integrity.capacity(project, size.name, size.dags), *startup.findings(project, trial)}
    )


def _static(project: Project) -> Iterator[Finding]:
    for part in (
        integrity.syntax,
        integrity.missing,
        integrity.duplicates,
        dependencies.cycles,
        imports.outdated,
        imports.unprovided,
        arguments.removed,
        arguments.queues,
        at_import.access,
        writes.writes,
        plugins.findings,
        requirements.findings,
        configuration.findings,
    ):
        yield from part(project)
