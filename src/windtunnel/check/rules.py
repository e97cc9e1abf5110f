"""The one table of what `check` looks for: docs/check.md is made from it, and the tests plant a fault for each row."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Rule:
    """A kind of fault: `what` it is, what `mwaa` itself would do, what to `do` about it.

    An `error` breaks on MWAA for certain. A `warning` may be meant, or works here or there only.
    """

    id: str
    severity: Severity
    what: str
    mwaa: str
    do: str


_INTEGRITY = (
    Rule(
        "syntax",
        "error",
        "A Python file does not parse",
        "The file's DAGs do not appear; the web server shows an import error",
        "correct the line",
    ),
    Rule(
        "syntax-unsure",
        "warning",
        "A Python file does not parse with the Python that runs `check`, which is older than MWAA's 3.12",
        "MWAA may well read it",
        "run `check` with Python 3.12 or newer",
    ),
    Rule(
        "dags-folder",
        "warning",
        "The project has no folder dags/",
        "It has no DAG to run",
        "name the folder that holds dags/: ./windtunnel check --project DIR",
    ),
    Rule(
        "dag-missing",
        "warning",
        "A file in dags/ names Airflow and DAGs, and defines none",
        "It is parsed again and again for nothing, and no DAG appears",
        "define a DAG, or put the file into dags/.airflowignore",
    ),
    Rule(
        "dag-not-called",
        "error",
        "A function with @dag is never called",
        "The DAG does not appear, and nothing says why",
        "call the function at the end of the file",
    ),
    Rule(
        "dag-duplicate",
        "error",
        "Two DAGs have the same id",
        "One replaces the other each time its file is parsed",
        "give each DAG an id of its own",
    ),
    Rule(
        "dag-cycle",
        "error",
        "Tasks depend on one another in a circle",
        "The file's DAGs do not appear: AirflowDagCycleException",
        "take one of the dependencies away",
    ),
    Rule(
        "dag-capacity",
        "warning",
        "More DAGs than AWS advises for the environment class",
        "Parsing takes all of the scheduler's CPU; tasks start late",
        "take a larger class, or split the environment",
    ),
    Rule(
        "import-removed",
        "error",
        "An import that Airflow 3 no longer has",
        "ImportError: the file's DAGs do not appear",
        "import what has taken its place",
    ),
    Rule(
        "import-moved",
        "warning",
        "An import that Airflow 3 still bears, with a warning",
        "It works, and a later Airflow takes it away",
        "import what has taken its place",
    ),
    Rule(
        "import-missing",
        "error",
        "An import that neither Python, Airflow's image, requirements.txt nor the project provides",
        "ModuleNotFoundError: the file's DAGs do not appear",
        "add the package to requirements.txt",
    ),
    Rule(
        "import-unsure",
        "warning",
        "An import that nothing provides by its name; a dependency of a requirement may, or it stands in a task",
        "ModuleNotFoundError when the line is run, if nothing does",
        "name the package itself in requirements.txt",
    ),
    Rule(
        "import-here-only",
        "warning",
        "An import of what Windtunnel's image has and MWAA's has not",
        "ModuleNotFoundError, though it works here",
        "bring the package along: requirements.txt or plugins.zip",
    ),
    Rule(
        "argument-removed",
        "error",
        "An argument of a DAG or an operator that Airflow 3 no longer has",
        "TypeError: the file's DAGs do not appear",
        "use what has taken its place",
    ),
)
_MWAA = (
    Rule(
        "queue",
        "error",
        "`queue` is set on a task",
        "The task goes to a queue that no worker reads: it fails with no logs",
        "leave `queue` out: MWAA has one queue",
    ),
    Rule(
        "write-outside-tmp",
        "warning",
        "A file is written outside /tmp",
        "The path may not be writable, no other container sees the file, and it is gone with the container",
        "write below /tmp, and keep what must last in S3",
    ),
    Rule(
        "settings-beside-module",
        "warning",
        "A file is downloaded beside its module when the module is imported",
        "Every parse downloads it anew, in each container; one failed download and the DAG is gone",
        "read it in the task, or deploy it with the DAGs",
    ),
    Rule(
        "variable-at-import",
        "warning",
        "A Variable is read when the file is imported",
        "Every parse of the file asks the database or the secrets backend, at a cost in time and money",
        "read it in the task, or by a template: {{ var.value.NAME }}",
    ),
    Rule(
        "connection-at-import",
        "warning",
        "A connection is read when the file is imported",
        "Every parse of the file asks the database or the secrets backend, at a cost in time and money",
        "read it in the task",
    ),
    Rule(
        "database-at-import",
        "error",
        "Airflow's database is opened when the file is imported",
        "RuntimeError: Airflow 3 keeps DAG files from its database",
        "use the Task SDK or the REST API",
    ),
)
_STARTUP = (
    Rule(
        "startup-syntax",
        "error",
        "startup.sh is no valid shell script",
        "bash stops there; MWAA logs it and goes on without what should follow",
        "correct the line",
    ),
    Rule(
        "startup-crlf",
        "error",
        "startup.sh has Windows line ends",
        r"bash fails at the first of them: $'\r': command not found",
        "save it with Unix line ends",
    ),
    Rule(
        "startup-shebang",
        "warning",
        "startup.sh does not begin with #!",
        "MWAA runs it by bash; another tool may take another shell",
        "begin with #!/bin/bash",
    ),
    Rule(
        "startup-yum",
        "warning",
        "startup.sh calls yum or dnf",
        "It works there: MWAA's base is Amazon Linux. Windtunnel's is Debian, so that it can't be tried here",
        "guard it by: command -v yum",
    ),
    Rule(
        "startup-apt",
        "error",
        "startup.sh calls apt, apt-get or dpkg",
        "command not found: MWAA's base is Amazon Linux",
        "use yum there, each guarded by: command -v",
    ),
    Rule(
        "startup-reserved",
        "warning",
        "startup.sh sets a variable that MWAA reserves",
        "MWAA sets it back",
        "leave it out; where there is one, use the configuration option",
    ),
    Rule(
        "startup-fails",
        "error",
        "startup.sh fails in a container of its own",
        "MWAA logs it and goes on without what the script should have done",
        "correct what its output names",
    ),
)
_PLUGINS = (
    Rule(
        "plugins-twice",
        "error",
        "There are plugins/ and plugins.zip",
        "It takes plugins.zip alone",
        "keep one of them",
    ),
    Rule(
        "plugins-no-zip",
        "error",
        "plugins.zip is no zip file, or is damaged",
        "It cannot be unpacked: there are no plugins, and what imports them fails",
        "make it anew: ./windtunnel package",
    ),
    Rule(
        "plugins-nested",
        "warning",
        "All of plugins.zip lies in one folder plugins/",
        "It is unpacked to plugins/plugins/, so that modules there cannot be imported by their names",
        "zip the folder's content: cd plugins && zip -r ../plugins.zip .",
    ),
    Rule(
        "plugins-path",
        "error",
        "plugins.zip has a member whose path is absolute or leads out of the folder",
        "The member is not where its path says, or unpacking fails",
        "zip the folder's content: cd plugins && zip -r ../plugins.zip .",
    ),
    Rule(
        "plugins-encrypted",
        "error",
        "plugins.zip has a member that asks for a password",
        "Nobody gives one: unpacking fails",
        "zip it without a password",
    ),
    Rule(
        "plugins-empty",
        "warning",
        "plugins.zip has neither Python files nor wheels",
        "It is unpacked, and nothing comes of it",
        "check what was zipped",
    ),
    Rule(
        "plugins-size",
        "warning",
        "plugins.zip is larger than 1 GB",
        "AWS advises less: containers start slowly or not in time",
        "leave out what a task can fetch from S3",
    ),
)
_REQUIREMENTS = (
    Rule(
        "requirement-syntax",
        "error",
        "A line of requirements.txt is no requirement",
        "pip installs nothing of the file; MWAA logs it and goes on without",
        "correct the line",
    ),
    Rule(
        "requirement-essential",
        "error",
        "A requirement and MWAA's essential constraints exclude one another",
        "pip installs nothing of the file; MWAA logs it and goes on without",
        "take the version that MWAA holds to",
    ),
    Rule(
        "requirement-bundled",
        "error",
        "A requirement and the bundled constraints exclude one another",
        "MWAA adds its constraints to a file that names none: pip installs nothing of it, and MWAA goes on without",
        "take the version that fits, or name a constraints file of your own",
    ),
    Rule(
        "requirement-own",
        "error",
        "A requirement and the constraints file that requirements.txt names exclude one another",
        "pip installs nothing of the file; MWAA logs it and goes on without",
        "make the two agree",
    ),
    Rule(
        "requirement-twice",
        "error",
        "Two lines of requirements.txt exclude one another",
        "pip installs nothing of the file; MWAA logs it and goes on without",
        "keep one of the lines",
    ),
    Rule(
        "requirement-unresolved",
        "error",
        "The requirements cannot be had together (`--resolve`)",
        "pip installs nothing of the file; MWAA logs it and goes on without",
        "change what pip names",
    ),
    Rule(
        "requirement-unpinned",
        "warning",
        "A requirement has no version, and no constraint gives it one",
        "Each new container takes the newest, so that two workers can differ",
        "pin it: NAME==VERSION",
    ),
    Rule(
        "requirements-comment",
        "warning",
        "requirements.txt names a constraints file in a comment",
        "MWAA looks for the word alone: it adds no constraints of its own, and pip reads none",
        "take the comment out, or the sign # away",
    ),
    Rule(
        "requirements-file",
        "error",
        "requirements.txt names a file that is not in the project",
        "pip installs nothing of requirements.txt; MWAA logs it and goes on without",
        "add the file, or take the line out",
    ),
    Rule(
        "requirements-crlf",
        "warning",
        "requirements.txt has Windows line ends",
        "pip reads it; tools that read it by line may not",
        "save it with Unix line ends",
    ),
)
_CONFIGURATION = (
    Rule(
        "option-syntax",
        "error",
        "configuration-options.yaml is no mapping of section.key to a value",
        "The API refuses the options",
        "write one `section.key: value` a line",
    ),
    Rule(
        "option-unknown",
        "warning",
        "Neither Airflow 3.3.1 nor MWAA has this option",
        "It becomes an environment variable, which Airflow never reads",
        "correct the name, unless your own code reads the variable",
    ),
    Rule(
        "option-removed",
        "warning",
        "An option that Airflow 3 no longer reads",
        "It becomes an environment variable, which Airflow never reads",
        "take it out, or use what has taken its place",
    ),
    Rule(
        "option-renamed",
        "warning",
        "An old name of an option",
        "It works, with a warning in the logs",
        "use the new name",
    ),
    Rule(
        "option-refused",
        "error",
        "An option that MWAA does not let be set",
        "The API and the console refuse it",
        "take it out",
    ),
    Rule(
        "option-forced",
        "warning",
        "An option that MWAA sets itself",
        "MWAA's own value wins",
        "take it out",
    ),
)
SECTIONS = {
    "DAGs": _INTEGRITY,
    "What MWAA does otherwise": _MWAA,
    "startup.sh": _STARTUP,
    "plugins.zip": _PLUGINS,
    "requirements.txt": _REQUIREMENTS,
    "configuration-options.yaml": _CONFIGURATION,
}
RULES: dict[str, Rule] = {rule.id: rule for section in SECTIONS.values() for rule in section}
