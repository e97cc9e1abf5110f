"""The tables as Django has them: keys and indexes are there before the first row.

Indexes are named in Meta: `db_index` would add one more for LIKE to each column of text.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models

TEXT = {"null": True}


class Journal(models.Model):
    nlm_id = models.TextField(primary_key=True)
    title = models.TextField(**TEXT)
    iso_abbreviation = models.TextField(**TEXT)
    medline_ta = models.TextField(**TEXT)
    issn_linking = models.TextField(**TEXT)
    country = models.TextField(**TEXT)

    class Meta:
        db_table = "journal"


class Article(models.Model):
    pmid = models.IntegerField(primary_key=True)
    version = models.IntegerField()
    status = models.TextField(**TEXT)
    pub_model = models.TextField(**TEXT)
    publication_status = models.TextField(**TEXT)
    nlm = models.ForeignKey(Journal, models.DO_NOTHING, null=True, db_index=False)
    issn = models.TextField(**TEXT)
    issn_type = models.TextField(**TEXT)
    volume = models.TextField(**TEXT)
    issue = models.TextField(**TEXT)
    pages = models.TextField(**TEXT)
    pub_date = models.TextField(**TEXT)
    pub_year = models.IntegerField(null=True)
    pub_month = models.IntegerField(null=True)
    pub_day = models.IntegerField(null=True)
    title = models.TextField(**TEXT)
    vernacular_title = models.TextField(**TEXT)
    abstract = models.TextField(**TEXT)
    languages = ArrayField(models.TextField())
    date_completed = models.DateField(null=True)
    date_revised = models.DateField(null=True)

    class Meta:
        db_table = "article"
        indexes = (models.Index(fields=["nlm"]),)


class Part(models.Model):
    """What has many rows an article: the key is the article and a position in it."""

    pk = models.CompositePrimaryKey("article_id", "position")
    article = models.ForeignKey(Article, models.DO_NOTHING, db_column="pmid", db_index=False)
    position = models.IntegerField()

    class Meta:
        abstract = True


class PartOfPart(Part):
    """What belongs to a part, and by the part's key, which is in `KEYS`, to the article."""

    article = models.ForeignKey(Article, models.DO_NOTHING, db_column="pmid", db_index=False, db_constraint=False)

    class Meta:
        abstract = True


class Author(Part):
    last_name = models.TextField(**TEXT)
    fore_name = models.TextField(**TEXT)
    initials = models.TextField(**TEXT)
    suffix = models.TextField(**TEXT)
    collective_name = models.TextField(**TEXT)
    orcid = models.TextField(**TEXT)
    valid = models.BooleanField()
    equal_contribution = models.BooleanField()

    class Meta:
        db_table = "author"


class Affiliation(PartOfPart):
    pk = models.CompositePrimaryKey("article_id", "author_position", "position")
    author_position = models.IntegerField()
    affiliation = models.TextField(**TEXT)

    class Meta:
        db_table = "affiliation"


class MeshHeading(Part):
    descriptor_ui = models.TextField(**TEXT)
    descriptor = models.TextField(**TEXT)
    major_topic = models.BooleanField()

    class Meta:
        db_table = "mesh_heading"
        indexes = (models.Index(fields=["descriptor_ui"]),)


class MeshQualifier(PartOfPart):
    pk = models.CompositePrimaryKey("article_id", "heading_position", "position")
    heading_position = models.IntegerField()
    qualifier_ui = models.TextField(**TEXT)
    qualifier = models.TextField(**TEXT)
    major_topic = models.BooleanField()

    class Meta:
        db_table = "mesh_qualifier"


class Identifier(Part):
    id_type = models.TextField(**TEXT)
    value = models.TextField(**TEXT)

    class Meta:
        db_table = "identifier"
        indexes = (models.Index(fields=["value"]),)


class Grant(Part):
    grant_id = models.TextField(**TEXT)
    acronym = models.TextField(**TEXT)
    agency = models.TextField(**TEXT)
    country = models.TextField(**TEXT)

    class Meta:
        db_table = "grant"


class Citation(Part):
    citation = models.TextField(**TEXT)
    cited_pmid = models.IntegerField(null=True)
    doi = models.TextField(**TEXT)
    pmcid = models.TextField(**TEXT)

    class Meta:
        db_table = "citation"
        indexes = (models.Index(fields=["cited_pmid"]),)


class PublicationType(Part):
    type_ui = models.TextField(**TEXT)
    type = models.TextField(**TEXT)

    class Meta:
        db_table = "publication_type"


#: Parents first. The keys of two columns, which Django's ForeignKey cannot have, are in `KEYS`.
MODELS: tuple[type[models.Model], ...] = (
    *(Journal, Article, Author, Affiliation, MeshHeading, MeshQualifier),
    *(Identifier, Grant, Citation, PublicationType),
)
KEYS = (
    "ALTER TABLE affiliation ADD FOREIGN KEY (pmid, author_position) REFERENCES author",
    "ALTER TABLE mesh_qualifier ADD FOREIGN KEY (pmid, heading_position) REFERENCES mesh_heading",
)
