"""expat counts what a document must become, first children, nested lists and distinct texts included."""

import random
from pathlib import Path

import pytest
from lxml import etree

from windtunnel.bench.counts import RULES, Rule, count

NAMESPACE = "https://example.org/made"


@pytest.fixture
def chance() -> random.Random:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


def made(chance: random.Random, depth: int = 0) -> str:
    """A tree of a, b and c, whose texts are few enough to come again."""
    inside = "".join(made(chance, depth + 1) for _ in range(chance.randrange(4))) if depth < 5 else ""
    tag = chance.choice("abc")
    return f"<{tag}>{inside or chance.choice((' x ', 'x', 'y&amp;y', ''))}</{tag}>"


@pytest.mark.parametrize("namespace", ["", NAMESPACE])
def test_a_path_counts_what_xpath_counts(namespace: str, chance: random.Random, tmp_path: Path) -> None:
    declared = f" xmlns='{namespace}'" if namespace else ""
    text = f"<root{declared}>{''.join(made(chance) for _ in range(200))}</root>"
    document = tmp_path / "made.xml"
    document.write_text(text)
    rule = Rule(
        rows={"plain": ("root/a/b",), "first": ("root/a/b[1]/c",), "either": ("root/b/a", "root/c/a")},
        distinct={"texts": "root/a/a/a"},
        namespace=namespace,
    )
    root = etree.fromstring(text.replace(declared, ""))
    texts = {"".join(one.itertext()).strip() for one in root.xpath("/root/a/a/a")}
    assert count(document, rule) == {
        "plain": root.xpath("count(/root/a/b)"),
        "first": root.xpath("count(/root/a/b[1]/c)"),
        "either": root.xpath("count(/root/b/a | /root/c/a)"),
        "texts": len(texts - {""}),
    }


def test_a_list_within_a_list_counts_at_any_depth(tmp_path: Path) -> None:
    reference, document = "<Reference/>", tmp_path / "nested.xml"
    lists = f"<ReferenceList>{reference}<ReferenceList>{reference * 2}</ReferenceList></ReferenceList>"
    article = (
        f"<PubmedArticle><PubmedData>{lists}<ReferenceList>{reference}</ReferenceList></PubmedData></PubmedArticle>"
    )
    document.write_text(f"<PubmedArticleSet>{article * 2}</PubmedArticleSet>")
    assert count(document, RULES["pubmed"])["citation"] == 8
    assert count(document, RULES["pubmed_small"])["citation"] == 2
