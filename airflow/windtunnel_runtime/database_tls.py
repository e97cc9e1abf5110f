"""How Airflow reaches its metadata database with TLS (compose/tls.yml): by psycopg2, and by asyncpg, each in its words.

Airflow imports them by the options database.sql_alchemy_connect_args and database.sql_alchemy_connect_args_async.
"""

import ssl

CA = "/run/secrets/airflow/ca.crt"
# https://www.postgresql.org/docs/17/libpq-ssl.html
SYNC = {"sslmode": "verify-full", "sslrootcert": CA}
# https://magicstack.github.io/asyncpg/current/api/index.html#connection
ASYNC = {"ssl": ssl.create_default_context(cafile=CA)}
