"""What names and statements a mapping becomes."""

import pytest
from small_mappings import mapping_of

from xml_rebuild.schema import copy_statement, not_null, previous_of, staging_of

MAPPING = mapping_of(
    """
name: small
root: set
records: {r: {key: {id: {path: "@id", type: integer}}, tables: [item, kind]}}
tables:
  item:
    columns: {name: {path: name, required: true}, "no\\"te": note}
  kind:
    distinct: [code]
    columns: {code: "@kind", label: "@label"}
"""
)


def test_the_neighbours_of_a_schema() -> None:
    assert (staging_of("pubmed"), previous_of("pubmed")) == ("pubmed_staging", "pubmed_previous")


def test_a_name_that_postgres_would_cut_is_refused() -> None:
    assert staging_of("x" * 55) == "x" * 55 + "_staging"
    with pytest.raises(ValueError, match="longer than Postgres takes"):
        staging_of("é" * 28)


def test_the_copy_takes_the_cells_in_the_mappings_order() -> None:
    statement = copy_statement(MAPPING.tables["item"], "small staging").as_string()
    assert statement == (
        'COPY "small staging"."item" ("record_no", "id", "name", "no""te") FROM STDIN '
        '(FORMAT csv, QUOTE \'\x7f\', FORCE_NULL ("id", "name", "no""te"), ENCODING \'UTF8\')'
    )


def test_keys_and_required_columns_are_never_null() -> None:
    assert not_null(MAPPING.tables["item"]) == {"id", "name"}
    assert not_null(MAPPING.tables["kind"]) == {"code"}
