"""The rows of monitoring/metrics.toml that go to CloudWatch, by the names of the series that are recorded for them."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Recorded:
    """What a recorded series is in CloudWatch; `dimensions` are pairs of the dimension's name and the series' label."""

    namespace: str
    name: str
    statistic: str
    unit: str | None
    dimensions: tuple[tuple[str, str], ...]

    @property
    def series(self) -> str:
        """The series' name as cloudwatch_exporter would give it."""
        return f"{prefix(self.namespace)}_{snake(self.name)}_{snake(self.statistic)}"

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether a series with these labels is this one: the cluster's CPUUtilization is not the database's."""
        return all(labels.get(label) for _, label in self.dimensions)


Table = Mapping[str, Sequence[Recorded]]


def read(path: Path) -> Table:
    """All series that feed CloudWatch, by name; several where one name serves several sets of dimensions.

    Raises:
        OSError, KeyError, tomllib.TOMLDecodeError: the file is not there, or not the metrics table.
    """
    rows = tomllib.loads(path.read_text())["cloudwatch"]
    by_series: dict[str, list[Recorded]] = defaultdict(list)
    for one in (one for row in rows if "reason" not in row for one in _recorded(row)):
        by_series[one.series].append(one)
    return by_series


def _recorded(row: dict[str, Any]) -> list[Recorded]:
    names = ["Environment", *row.get("dimensions", {})]
    # Prometheus has a `job` of its own.
    dimensions = tuple((name, "job_name" if name == "Job" else snake(name)) for name in names)
    return [
        Recorded(row["namespace"], row["name"], statistic, row.get("unit"), dimensions)
        for statistic in row["statistics"]
    ]


def prefix(namespace: str) -> str:
    """A namespace at the head of a series' name: AWS/MWAA → aws_mwaa.

    https://github.com/prometheus/cloudwatch_exporter/blob/v0.16.0/src/main/java/io/prometheus/cloudwatch/CloudWatchCollector.java
    (safeName, toSnakeCase)
    """
    return re.sub("[^a-z0-9]", "_", namespace.lower())


def snake(name: str) -> str:
    """The name of a metric, dimension or statistic: CPUUtilization → cpuutilization, DatabaseRole → database_role."""
    return re.sub("[^a-z0-9]", "_", re.sub("([a-z0-9])([A-Z])", r"\1_\2", name).lower())
