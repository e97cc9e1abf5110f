"""docs/check.md, made from the table of rules."""

from collections import Counter

from windtunnel.check.rules import RULES, SECTIONS

INTRODUCTION = """\
`./windtunnel check` says what of a project folder MWAA would break, before anything is deployed. It needs no stack,
and it reads the DAGs without running them.

    ./windtunnel check --project my_project
    ./windtunnel check --project my_project --class mw1.medium --json
    ./windtunnel check --project my_project --resolve

It exits with 0 when there is nothing worse than warnings, 1 when there is an error, 2 when the folder or the class is
not there. `--json` prints `findings`, each with `file`, `line` (0: the whole file), `rule`, `severity`, `message`,
`mwaa` (what MWAA does) and `do`, the counts `errors` and `warnings`, and `startup`: whether the script was `run`, and
`why_not`.

An error breaks on MWAA for certain. What may be meant, or what cannot be known without running the code, is a warning
or is not told at all: a path that is worked out, an import in a branch or a `try`, a task in a loop.

- Imports and options are compared with Airflow 3.3.1, and with the packages of Windtunnel's image
  (`airflow/requirements.txt`).
- Requirements are compared with MWAA's essential constraints (`airflow/constraints/essential.txt`), and with the
  bundled ones when the file names none (`airflow/constraints/constraints-3.3.1-3.12.txt`, of Airflow's image and the
  usual providers: a package that is not in it is not held). `--resolve` has pip download all of them for MWAA's
  platform, and so finds what two packages do to each other.
- startup.sh is read, and where Docker and Windtunnel's image are there it is also run: in a container of its own, as a
  worker runs it when it starts, with a worker's memory and variables and MWAA's limit of five minutes. The container
  reaches the network and not the stack, has no keys to AWS, and is gone afterwards. `--run-startup` demands the run,
  `--no-run-startup` leaves it out, for a script that needs what is not there.
- With Python 3.11, code that only 3.12 can read is a warning: run `check` with 3.12 for certainty.
"""


def documentation() -> str:
    """The text of docs/check.md."""
    counts = Counter(rule.severity for rule in RULES.values())
    lines = [
        "# What `check` finds",
        "",
        "Made from `src/windtunnel/check/rules.py`; `./windtunnel docs` writes it anew.",
    ]
    lines += ["", INTRODUCTION.rstrip(), "", f"{counts['error']} rules are errors, {counts['warning']} are warnings."]
    for title, rules in SECTIONS.items():
        lines += ["", f"## {title}", "", "| rule | severity | what | what MWAA does | what to do |", "| --- " * 5 + "|"]
        lines += [
            f"| `{one.id}` | {one.severity} | {_cell(one.what)} | {_cell(one.mwaa)} | {_cell(one.do)} |"
            for one in rules
        ]
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
