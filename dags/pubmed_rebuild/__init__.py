"""Rebuild a relational PubMed database from MEDLINE XML; see README.md in this folder."""
