"""MWAA's control API for the one environment that a stack is: what boto3's client `mwaa` talks to."""

__version__ = "0.1"
