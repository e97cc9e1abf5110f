"""Rebuilding a database from one large XML file, timed: this project's library beside what else one would use."""
