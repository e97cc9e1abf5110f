"""Windtunnel: a local MWAA (managed Airflow) that you can push until it breaks."""
