-- Statements that give the readers of schema %(live)s the same reading rights in schema %(staging)s:
-- USAGE on the schema, and SELECT on each table that has a namesake they may read. PUBLIC is grantee 0.

WITH granted AS (
    SELECT grantee, format('USAGE ON SCHEMA %%I', %(staging)s::text) AS privilege
    FROM pg_namespace, aclexplode(nspacl)
    WHERE nspname = %(live)s AND privilege_type = 'USAGE'
    UNION ALL
    SELECT grantee, format('SELECT ON %%I.%%I', %(staging)s::text, relname)
    FROM pg_class, aclexplode(relacl)
    WHERE relnamespace = to_regnamespace(quote_ident(%(live)s))
        AND privilege_type = 'SELECT'
        AND relname IN (
            SELECT relname FROM pg_class
            WHERE relnamespace = to_regnamespace(quote_ident(%(staging)s)) AND relkind = 'r'
        )
)
SELECT format(
    'GRANT %%s TO %%s', privilege, CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END
)
FROM granted
ORDER BY 1;
