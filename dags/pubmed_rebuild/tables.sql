-- One PubMed database, without keys: loading is faster, and rules.sql must first settle which records stay.
-- Run with search_path set to the schema to fill. record_no numbers the records in load order (file, then position);
-- it says which rows belong to which version of a citation and is dropped once only one is left.

CREATE TABLE journal (
    nlm_id text NOT NULL,
    title text,
    iso_abbreviation text,
    medline_ta text,
    issn_linking text,
    country text
);
COMMENT ON TABLE journal IS 'Journals by NlmUniqueID, described as in the last record that names them';

CREATE TABLE article (
    record_no bigint NOT NULL,
    pmid integer NOT NULL,
    version integer NOT NULL,
    status text,
    pub_model text,
    publication_status text,
    nlm_id text,
    issn text,
    issn_type text,
    volume text,
    issue text,
    pages text,
    pub_date text,
    pub_year integer,
    pub_month integer,
    pub_day integer,
    title text,
    vernacular_title text,
    abstract text,
    languages text[] NOT NULL,
    date_completed date,
    date_revised date
);
COMMENT ON TABLE article IS 'One row per PMID: the record that the rules in README.md leave';
COMMENT ON COLUMN article.pub_date IS 'As printed; pub_year, pub_month and pub_day hold what of it is a number';
COMMENT ON COLUMN article.abstract IS 'Sections one per line, each led by its printed label';

CREATE TABLE author (
    record_no bigint NOT NULL,
    pmid integer NOT NULL,
    position integer NOT NULL,
    last_name text,
    fore_name text,
    initials text,
    suffix text,
    collective_name text,
    orcid text,
    valid boolean NOT NULL,
    equal_contribution boolean NOT NULL
);
COMMENT ON COLUMN author.position IS 'Order of authors, from 1';

CREATE TABLE affiliation (
    record_no bigint NOT NULL,
    pmid integer NOT NULL,
    author_position integer NOT NULL,
    position integer NOT NULL,
    affiliation text
);

CREATE TABLE mesh_heading (
    record_no bigint NOT NULL,
    pmid integer NOT NULL,
    position integer NOT NULL,
    descriptor_ui text,
    descriptor text,
    major_topic boolean NOT NULL
);

CREATE TABLE mesh_qualifier (
    record_no bigint NOT NULL,
    pmid integer NOT NULL,
    heading_position integer NOT NULL,
    position integer NOT NULL,
    qualifier_ui text,
    qualifier text,
    major_topic boolean NOT NULL
);

CREATE TABLE identifier (
    record_no bigint NOT NULL,
    pmid integer NOT NULL,
    position integer NOT NULL,
    id_type text,
    value text
);
COMMENT ON TABLE identifier IS 'The article''s own ids; those of its references are in citation';

CREATE TABLE "grant" (
    record_no bigint NOT NULL,
    pmid integer NOT NULL,
    position integer NOT NULL,
    grant_id text,
    acronym text,
    agency text,
    country text
);

CREATE TABLE citation (
    record_no bigint NOT NULL,
    pmid integer NOT NULL,
    position integer NOT NULL,
    citation text,
    cited_pmid integer,
    doi text,
    pmcid text
);
COMMENT ON TABLE citation IS 'The references of an article; cited_pmid need not be in article';

CREATE TABLE publication_type (
    record_no bigint NOT NULL,
    pmid integer NOT NULL,
    position integer NOT NULL,
    type_ui text,
    type text
);

CREATE TABLE deletion (
    pmid integer NOT NULL,
    version integer NOT NULL,
    before_record_no bigint NOT NULL
);
COMMENT ON TABLE deletion IS 'DeleteCitation entries; each reaches only records numbered below before_record_no';
