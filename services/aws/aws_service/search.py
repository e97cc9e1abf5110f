"""CloudWatch's SEARCH expressions, as dashboards of MWAA use them:

    SEARCH('{AWS/MWAA,Cluster,Environment} MetricName="CPUUtilization" Cluster=BaseWorker', 'Average', 300)

Syntax: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
Known here: the schema in braces, `Name="value"` (exact), `Name=value` and bare words (part of it, whatever the case),
joined by blanks or AND. OR, NOT and brackets are refused.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from aws_service.store import Metric

CALL = re.compile(r"""\s*SEARCH\(\s*'(?P<text>[^']*)'\s*,\s*'(?P<stat>\w+)'\s*(,\s*(?P<period>\d+)\s*)?\)\s*""")
SCHEMA = re.compile(r"\s*\{(?P<schema>[^}]*)\}")
TERM = re.compile(r"""\s*((?P<key>[\w:/.-]+|"[^"]+")\s*=\s*)?("(?P<exact>[^"]*)"|(?P<part>[^\s"=(){}]+))\s*""")
UNKNOWN = re.compile(r"""\b(OR|NOT)\b|[()]""")


@dataclass(frozen=True)
class Term:
    """What a property (`MetricName`, `Namespace`, a dimension; None for any of them) must be or hold."""

    key: str | None
    text: str
    is_exact: bool

    def fits(self, metric: Metric) -> bool:
        """Whether the metric has such a property."""
        properties = {"MetricName": metric.name, "Namespace": metric.namespace, **dict(metric.dimensions)}
        values = properties.values() if self.key is None else [properties.get(self.key, "")]
        if self.is_exact:
            return self.text in values
        return any(self.text.lower() in value.lower() for value in values)


@dataclass(frozen=True)
class Search:
    """A parsed expression; `schema` is the namespace and the names of the dimensions, or None; `period` in seconds."""

    schema: tuple[str, frozenset[str]] | None
    terms: tuple[Term, ...]
    stat: str
    period: int | None

    def fits(self, metric: Metric) -> bool:
        """Whether the expression finds the metric."""
        names = frozenset(name for name, _ in metric.dimensions)
        return self.schema in (None, (metric.namespace, names)) and all(term.fits(metric) for term in self.terms)

    def of(self, metrics: Iterable[Metric]) -> list[Metric]:
        """The metrics that it finds."""
        return sorted((one for one in metrics if self.fits(one)), key=label)


def parse(expression: str) -> Search:
    """Read a SEARCH expression.

    Raises:
        ValueError: it is not one, or it has a part that is not known here; the message names that.
    """
    call = CALL.fullmatch(expression)
    if not call:
        raise ValueError(f"expected SEARCH('text', 'statistic', period), found {expression}")
    text, schema = call["text"], None
    if given := SCHEMA.match(text):
        namespace, *names = (part.strip().strip('"') for part in given["schema"].split(","))
        text, schema = text[given.end() :], (namespace, frozenset(names))
    period = int(call["period"]) if call["period"] else None
    return Search(schema, tuple(_terms(text)), call["stat"], period)


def _terms(text: str) -> Iterable[Term]:
    bare = re.sub('"[^"]*"', "", text)
    if unknown := UNKNOWN.search(bare):
        raise ValueError(f"SEARCH with {unknown[0]} is not known to Windtunnel's CloudWatch: {text.strip()}")
    at = 0
    while at < len(text.rstrip()):
        term = TERM.match(text, at)
        if not term:
            raise ValueError(f"SEARCH: expected Name=value, found {text[at:]}")
        at = term.end()
        if term["part"] != "AND" or term["key"]:
            key = term["key"].strip('"') if term["key"] else None
            yield Term(key, term["exact"] if term["exact"] is not None else term["part"], term["exact"] is not None)


def label(metric: Metric) -> str:
    """How a found metric is told from the others: its dimensions' values, in the order of their names, and its name."""
    return " ".join([*(value for _, value in sorted(metric.dimensions)), metric.name])
