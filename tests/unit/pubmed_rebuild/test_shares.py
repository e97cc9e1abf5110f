"""Parts are shared out whole, in order, and to no more tasks than Airflow maps."""

import pytest

from pubmed_rebuild.shares import label, shared
from xml_rebuild.parts import Part
from xml_rebuild.source import Source


def parts(count: int) -> list[Part]:
    source = Source("s3://bucket/pubmed/all.xml", count * 10_000_000, '"etag"')
    return [Part(number, "run", source, number * 10_000_000) for number in range(count)]


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 1000])
def test_every_part_is_in_one_share_in_order(count: int) -> None:
    shares = shared(parts(count), most=8)
    assert [part for share in shares for part in share] == parts(count)
    assert len(shares) == min(count, 8)
    sizes = {len(share) for share in shares}
    assert max(sizes) - min(sizes) <= 1


def test_a_label_says_which_part_and_where() -> None:
    first, second, third = parts(3)
    assert label([first]) == "0: all.xml"
    assert label([second]) == "1: all.xml from 10 MB"
    assert label([second, third]) == "1: all.xml from 10 MB and 1 more"
