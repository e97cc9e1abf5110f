"""What a run reports is made from what its tasks told."""

import json

from pubmed_rebuild.summary import load_seconds, of_share, report
from xml_rebuild.staging import PartSummary


def test_a_share_is_the_sum_of_its_parts() -> None:
    done = [PartSummary(number, "s3://b/k", 10, 1, 1000, {"article": 9}) for number in (1, 2)]
    told = of_share("run", done, 5.0, 7.5)
    assert told == {"rebuild": "run", "records": 18, "bytes": 2000, "began": 5.0, "ended": 7.5}


def test_loading_lasts_from_the_first_beginning_to_the_last_end() -> None:
    shares = [of_share("run", [], began, ended) for began, ended in ((2.0, 4.0), (1.0, 3.0), (3.0, 9.5))]
    assert load_seconds(shares) == 8.5


def test_a_report_has_the_speed_over_all_phases() -> None:
    phases = {"load": 6.0, "finish": 3.0, "check": 0.5, "swap": 0.5}
    given = {"rebuild": "run", "phases": phases, "records": 5, "rejected": 0, "bytes": 50_000_000, "before": {}}
    told = report(given | {"rows": {"article": 4}, "removed": {"duplicates": 1}})
    assert (told["seconds"], told["mb_per_s"]) == (10.0, 5.0)
    assert (told["tables"], told["rules"]) == ({"article": 4}, {"duplicates": 1})
    assert json.loads(json.dumps(told)) == told
