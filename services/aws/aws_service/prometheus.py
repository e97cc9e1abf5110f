"""What Prometheus knows at one moment."""

import json
from dataclasses import dataclass
from http.client import HTTPException
from math import isnan
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

TIMEOUT = 20.0  # seconds


class Away(Exception):
    """Prometheus does not answer, or not with what was asked for."""


@dataclass(frozen=True)
class Sample:
    """The value of one series; `labels` without the name."""

    name: str
    labels: dict[str, str]
    value: float


def samples(url: str, query: str, at: float) -> list[Sample]:
    """All series that an instant query finds at a time (epoch seconds), those without a value left out.

    Raises:
        Away: no answer, or a refusal.
    """
    # Prometheus is beside this: a proxy out of the environment would only be in the way.
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(f"{url}/api/v1/query?{urlencode({'query': query, 'time': at})}", timeout=TIMEOUT) as answer:
            rows = json.load(answer)["data"]["result"]
    except (OSError, HTTPException, ValueError, KeyError) as error:
        raise Away(f"{url}: {type(error).__name__}: {error}") from error
    found = [_sample(row["metric"], float(row["value"][1])) for row in rows]
    return [one for one in found if not isnan(one.value)]


def _sample(labels: dict[str, str], value: float) -> Sample:
    return Sample(labels["__name__"], {key: text for key, text in labels.items() if key != "__name__"}, value)
