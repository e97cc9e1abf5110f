ALTER TABLE journal ADD PRIMARY KEY (nlm_id);
ALTER TABLE article ADD PRIMARY KEY (pmid);
ALTER TABLE author ADD PRIMARY KEY (pmid, position);
ALTER TABLE affiliation ADD PRIMARY KEY (pmid, author_position);
ALTER TABLE mesh_heading ADD PRIMARY KEY (pmid, position);
ALTER TABLE mesh_qualifier ADD PRIMARY KEY (pmid, heading_position, position);
ALTER TABLE "grant" ADD PRIMARY KEY (pmid, position);
ALTER TABLE citation ADD PRIMARY KEY (pmid, position);
ALTER TABLE publication_type ADD PRIMARY KEY (pmid, position);

CREATE INDEX ON article (nlm_id);
CREATE INDEX ON article (doi);
CREATE INDEX ON citation (cited_pmid);
CREATE INDEX ON mesh_heading (descriptor_ui);

ANALYZE;

ALTER TABLE article ADD FOREIGN KEY (nlm_id) REFERENCES journal;
ALTER TABLE author ADD FOREIGN KEY (pmid) REFERENCES article;
ALTER TABLE affiliation ADD FOREIGN KEY (pmid, author_position) REFERENCES author;
ALTER TABLE mesh_heading ADD FOREIGN KEY (pmid) REFERENCES article;
ALTER TABLE mesh_qualifier ADD FOREIGN KEY (pmid, heading_position) REFERENCES mesh_heading;
ALTER TABLE "grant" ADD FOREIGN KEY (pmid) REFERENCES article;
ALTER TABLE citation ADD FOREIGN KEY (pmid) REFERENCES article;
ALTER TABLE publication_type ADD FOREIGN KEY (pmid) REFERENCES article;
