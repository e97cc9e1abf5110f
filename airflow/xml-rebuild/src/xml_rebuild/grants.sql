-- Statements that give the readers of schema %(live)s the same reading rights in schema %(staging)s: USAGE on the
-- schema, and SELECT on each table or column that has a namesake they may read. PUBLIC is grantee 0.

WITH namesake AS (
    SELECT old.oid AS old, new.oid AS new, old.relname, old.relacl
    FROM pg_class AS old
    JOIN pg_class AS new ON new.relname = old.relname
    WHERE old.relnamespace = to_regnamespace(quote_ident(%(live)s)) AND old.relkind = 'r'
        AND new.relnamespace = to_regnamespace(quote_ident(%(staging)s)) AND new.relkind = 'r'
),
granted AS (
    SELECT grantee, is_grantable, format('USAGE ON SCHEMA %%I', %(staging)s::text) AS privilege
    FROM pg_namespace, aclexplode(nspacl)
    WHERE nspname = %(live)s AND privilege_type = 'USAGE'
    UNION ALL
    SELECT grantee, is_grantable, format('SELECT ON %%I.%%I', %(staging)s::text, relname)
    FROM namesake, aclexplode(relacl)
    WHERE privilege_type = 'SELECT'
    UNION ALL
    SELECT grantee, is_grantable, format('SELECT (%%I) ON %%I.%%I', old.attname, %(staging)s::text, relname)
    FROM namesake
    JOIN pg_attribute AS old ON old.attrelid = namesake.old AND NOT old.attisdropped
    JOIN pg_attribute AS new ON new.attrelid = namesake.new AND NOT new.attisdropped AND new.attname = old.attname
    CROSS JOIN aclexplode(old.attacl)
    WHERE privilege_type = 'SELECT'
)
SELECT format(
    'GRANT %%s TO %%s%%s',
    privilege,
    CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
    CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END
)
FROM granted
ORDER BY 1;
