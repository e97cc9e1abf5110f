"""Rebuilds a relational database from a multi-gigabyte XML file, fast and in bounded memory."""
