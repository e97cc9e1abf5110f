"""Run by hand, to see what airflow does with a dag; kept from parsing by .airflowignore."""

print("hello")
