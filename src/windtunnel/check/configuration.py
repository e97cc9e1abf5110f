"""configuration-options.yaml against Airflow's options and what MWAA makes of them."""

import difflib
from collections.abc import Iterator
from functools import cache

import yaml

from windtunnel.check.finding import Finding
from windtunnel.check.project import Project
from windtunnel.check.tables import mwaa, plain, table

# Airflow hands on whatever stands there: https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html
OPEN_SECTIONS = {
    "celery_broker_transport_options",
    "celery_result_backend_transport_options",
    "elasticsearch_configs",
    "opensearch_configs",
}


def findings(project: Project) -> Iterator[Finding]:
    """Each option that does not do what it says."""
    if not project.options.is_file():
        return
    name = project.relative(project.options)
    try:
        tree = yaml.compose(project.options.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        yield Finding(name, mark.line + 1 if mark else 1, "option-syntax", f"expected YAML: {error}".splitlines()[0])
        return
    if tree is None:
        return
    if not isinstance(tree, yaml.MappingNode):
        yield Finding(name, tree.start_mark.line + 1, "option-syntax", f"expected a mapping, found {_kind(tree)}")
        return
    for key, value in tree.value:
        for one in _option(name, key, value):
            if one.rule != "option-unknown" or not _is_used(project, str(key.value)):
                yield one


def _is_used(project: Project, option: str) -> bool:
    """Whether the project reads the variable that the option becomes, as a private index's password."""
    section, _, key = option.rpartition(".")
    variable = f"AIRFLOW__{section}__{key}".upper().encode()
    texts = [path.read_bytes() for path in (project.requirements, project.startup) if path.is_file()]
    return any(variable in text for text in (*texts, *(source.content for source in project.sources)))


def _kind(node: yaml.Node) -> str:
    return (
        "a list"
        if isinstance(node, yaml.SequenceNode)
        else "a mapping"
        if isinstance(node, yaml.MappingNode)
        else "a text"
    )


def _option(name: str, key: yaml.Node, value: yaml.Node) -> Iterator[Finding]:
    line = key.start_mark.line + 1
    if not isinstance(key, yaml.ScalarNode) or "." not in key.value:
        found = key.value if isinstance(key, yaml.ScalarNode) else _kind(key)
        yield Finding(name, line, "option-syntax", f"expected section.key, found {found}")
        return
    if not isinstance(value, yaml.ScalarNode):
        yield Finding(
            name, line, "option-syntax", f"{key.value}: expected a text, a number or a truth, found {_kind(value)}"
        )
        return
    rule, message, do = judged(key.value)
    if rule:
        yield Finding(name, line, rule, message, do)


def judged(option: str) -> tuple[str, str, str]:
    """The rule that an option breaks, what to say and what to do; nothing when it is a good one."""
    airflow = table("options")
    meant = next((name for name in plain(option) if name in known()), option)
    row = mwaa().get(meant, {"kind": ""})
    if row["kind"] == "refused":
        return "option-refused", f"{option}: MWAA does not let it be set: {row['why']}", ""
    if row["kind"] in ("forced", "ignored"):
        return "option-forced", f"{option}: MWAA sets it itself: {row['mwaa'] or row['why']}", ""
    if meant in known() or option.rpartition(".")[0] in OPEN_SECTIONS:
        return "", "", ""
    if option in airflow["renamed"]:
        new = airflow["renamed"][option]
        return "option-renamed", f"{option}: its name is now {new}", f"write {new}"
    if option in airflow["removed"]:
        new = airflow["removed"][option]
        return (
            "option-removed",
            f"{option}: Airflow 3 reads {new or 'nothing of the kind'}",
            f"write {new}" if new else "",
        )
    near = difflib.get_close_matches(option, known(), 1, 0.8)
    return "option-unknown", f"{option}: expected an option of Airflow or MWAA", f"write {near[0]}" if near else ""


@cache
def known() -> set[str]:
    """All options as section.key: Airflow's, its providers' and MWAA's own."""
    options = {f"{section}.{key}" for section, keys in table("options")["options"].items() for key in keys}
    return options | set(mwaa())
