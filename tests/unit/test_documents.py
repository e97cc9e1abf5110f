"""What is written down is what the tables say."""

import re
import subprocess

import pytest

from windtunnel import documents, errors
from windtunnel.settings import ROOT


@pytest.mark.parametrize("path", documents.all_of_them(), ids=lambda path: path.name)
def test_the_file_is_what_its_table_makes(path: documents.Path) -> None:
    assert path.read_text() == documents.all_of_them()[path], "run ./windtunnel docs"


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn = dict(re.findall(r"(\w+) +(\d+)(?=   |\n)", errors.__doc__ or ""))
    assert drawn == {name: str(error.exit_code) for name, error in errors.family().items()}


def test_exit_codes_are_distinct_but_for_the_root() -> None:
    codes = [e.exit_code for name, e in errors.family().items() if name != "WindtunnelError"]
    assert len(codes) == len(set(codes))


def test_links_in_the_documentation_lead_somewhere() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text())]
    assert len(links) >= 5
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []


def test_no_file_names_a_package_registrys_host() -> None:
    hosts = r"registry\.npmjs|proxy\.golang|pypi\.org|pythonhosted|(deb|security)\.debian|docker\.io/|(quay|ghcr)\.io"
    found = subprocess.run(["git", "grep", "-nIE", hosts, "--", ":!tests"], cwd=ROOT, capture_output=True, text=True)
    assert found.stdout == ""
