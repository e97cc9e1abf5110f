"""What the Airflow containers run beside Airflow itself."""
