"""Random citations: the rows are those the XML was written from, however the stream is cut."""

import os
import random
from xml.sax.saxutils import escape

import pytest

from made_medline import in_chunks, medline_file
from pubmed_rebuild.records import Record, Row
from pubmed_rebuild.xml_stream import read_citations

SEED = int(os.environ.get("PUBMED_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
_LETTERS = "abc XYZ123<>&\"'éß漢🧪\u00a0"


class Writer:
    """Writes one citation and, beside it, the rows it must become."""

    def __init__(self, chance: random.Random, pmid: int) -> None:
        self.chance = chance
        self.pmid = pmid
        self.rows: dict[str, list[Row]] = {
            table: [] for table in ("author", "affiliation", "mesh_heading", "mesh_qualifier", "identifier", "citation")
        }

    def text(self) -> tuple[str, str | None]:
        """Mixed content, and the text of it."""
        runs = ["".join(self.chance.choices(_LETTERS, k=self.chance.randrange(6))) for _ in range(3)]
        written = f"{escape(runs[0])}<i>{escape(runs[1])}</i>{escape(runs[2])}" if runs[1] else escape("".join(runs))
        return written, "".join(runs).strip() or None

    def authors(self) -> str:
        parts = []
        for position in range(1, self.chance.randrange(5)):
            written, name = self.text()
            kind = self.chance.choice(("LastName", "CollectiveName"))
            names = (name, None, None, None, None) if kind == "LastName" else (None, None, None, None, name)
            self.rows["author"].append((self.pmid, position, *names, None, True, False))
            parts.append(f'<Author ValidYN="Y"><{kind}>{written}</{kind}>{self.affiliations(position)}</Author>')
        return f"<AuthorList>{''.join(parts)}</AuthorList>"

    def affiliations(self, author: int) -> str:
        parts = []
        for position in range(1, self.chance.randrange(4)):
            written, text = self.text()
            self.rows["affiliation"].append((self.pmid, author, position, text))
            parts.append(f"<AffiliationInfo><Affiliation>{written}</Affiliation></AffiliationInfo>")
        return "".join(parts)

    def mesh(self) -> str:
        parts = []
        for position in range(1, self.chance.randrange(4)):
            major = self.chance.random() < 0.5
            self.rows["mesh_heading"].append((self.pmid, position, f"D{position}", "Term", major))
            term = f'<DescriptorName UI="D{position}" MajorTopicYN="{"NY"[major]}">Term</DescriptorName>'
            for place in range(1, self.chance.randrange(3)):
                self.rows["mesh_qualifier"].append((self.pmid, position, place, f"Q{place}", "use", False))
                term += f'<QualifierName UI="Q{place}" MajorTopicYN="N">use</QualifierName>'
            parts.append(f"<MeshHeading>{term}</MeshHeading>")
        return f"<MeshHeadingList>{''.join(parts)}</MeshHeadingList>"

    def identifiers(self) -> str:
        kinds = self.chance.choices(("pubmed", "doi", "pii"), k=self.chance.randrange(4))
        self.rows["identifier"] = [(self.pmid, place, kind, f"v{place}") for place, kind in enumerate(kinds, start=1)]
        return "".join(f'<ArticleId IdType="{kind}">v{place}</ArticleId>' for place, kind in enumerate(kinds, start=1))

    def references(self, depth: int = 0) -> str:
        """Own references first, then deeper lists, which is the order the format allows."""
        parts = []
        for _ in range(self.chance.randrange(3)):
            written, text = self.text()
            cited = self.chance.choice((None, self.chance.randrange(1, 10**8)))
            self.rows["citation"].append((self.pmid, len(self.rows["citation"]) + 1, text, cited, None, None))
            ids = f'<ArticleIdList><ArticleId IdType="pubmed">{cited}</ArticleId></ArticleIdList>' if cited else ""
            parts.append(f"<Reference><Citation>{written}</Citation>{ids}</Reference>")
        if depth < 3:
            parts += [self.references(depth + 1) for _ in range(self.chance.randrange(3))]
        return f"<ReferenceList>{''.join(parts)}</ReferenceList>"

    def citation(self) -> str:
        return (
            f"<PubmedArticle><MedlineCitation><PMID>{self.pmid}</PMID><Article>{self.authors()}</Article>{self.mesh()}"
            f"</MedlineCitation><PubmedData><ArticleIdList>{self.identifiers()}</ArticleIdList>"
            f"{self.references()}</PubmedData></PubmedArticle>"
        )


@pytest.mark.parametrize("trial", range(40))
def test_rows_are_what_was_written(trial: int) -> None:
    print(f"PUBMED_TEST_SEED={SEED} trial {trial}")
    chance = random.Random(f"{SEED} {trial}")
    writers = [Writer(chance, pmid) for pmid in range(1, chance.randrange(2, 12))]
    content = medline_file(*(writer.citation() for writer in writers))
    found = list(read_citations(in_chunks(content, chance.choice((1, 7, 100, 10**6))), "made.xml"))
    for record, writer in zip(found, writers, strict=True):
        assert isinstance(record, Record)
        assert {table: record.rows[table] for table in writer.rows} == writer.rows
