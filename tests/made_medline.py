"""Small MEDLINE files for tests: only what a test names is in them."""

import gzip
import io


def citation(pmid: int, version: int = 1, *, title: str = "A title.", medline: str = "", data: str = "") -> str:
    """One PubmedArticle; `medline` and `data` are further XML inside MedlineCitation and PubmedData."""
    return (
        f'<PubmedArticle><MedlineCitation Status="MEDLINE" Owner="NLM"><PMID Version="{version}">{pmid}</PMID>'
        f'<Article PubModel="Print"><ArticleTitle>{title}</ArticleTitle><Language>eng</Language></Article>{medline}'
        f"</MedlineCitation><PubmedData>{data}</PubmedData></PubmedArticle>"
    )


def deletion(*pmids: int, version: int = 1) -> str:
    """One DeleteCitation that withdraws `version` of each of `pmids`."""
    listed = "".join(f'<PMID Version="{version}">{pmid}</PMID>' for pmid in pmids)
    return f"<DeleteCitation>{listed}</DeleteCitation>"


def medline_file(*parts: str, doctype: str = "") -> bytes:
    """A whole file with `parts` below its root."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?>{doctype}<PubmedArticleSet>{"".join(parts)}</PubmedArticleSet>'.encode()
    )


def in_chunks(content: bytes, size: int = 1000) -> list[bytes]:
    """`content` cut as a stream would deliver it."""
    return [content[start : start + size] for start in range(0, len(content), size)]


def gzipped(content: bytes) -> io.BytesIO:
    """`content` as a gzip stream."""
    return io.BytesIO(gzip.compress(content))
