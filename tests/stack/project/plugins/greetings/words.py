"""A module beside the operator."""

GREETING = "hello"
