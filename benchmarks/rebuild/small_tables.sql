-- The tables of pubmed_small.yml: what pubmed_parser's records can fill.

CREATE TABLE journal (
    nlm_id text NOT NULL,
    title text,
    medline_ta text,
    issn_linking text,
    country text
);
CREATE TABLE article (
    pmid integer NOT NULL,
    nlm_id text,
    volume text,
    issue text,
    pages text,
    pub_year integer,
    title text,
    vernacular_title text,
    abstract text,
    languages text[],
    doi text
);
CREATE TABLE author (
    pmid integer NOT NULL,
    position integer NOT NULL,
    last_name text,
    fore_name text,
    initials text,
    identifier text
);
CREATE TABLE affiliation (
    pmid integer NOT NULL,
    author_position integer NOT NULL,
    affiliation text
);
CREATE TABLE mesh_heading (
    pmid integer NOT NULL,
    position integer NOT NULL,
    descriptor_ui text,
    descriptor text
);
CREATE TABLE mesh_qualifier (
    pmid integer NOT NULL,
    heading_position integer NOT NULL,
    position integer NOT NULL,
    qualifier_ui text,
    qualifier text,
    major_topic boolean
);
CREATE TABLE "grant" (
    pmid integer NOT NULL,
    position integer NOT NULL,
    grant_id text,
    acronym text,
    agency text,
    country text
);
CREATE TABLE citation (
    pmid integer NOT NULL,
    position integer NOT NULL,
    citation text,
    cited_pmid integer
);
CREATE TABLE publication_type (
    pmid integer NOT NULL,
    position integer NOT NULL,
    type_ui text,
    type text
);
