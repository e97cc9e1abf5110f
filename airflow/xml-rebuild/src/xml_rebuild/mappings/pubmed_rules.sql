-- Which records go, each under exactly one rule: deleted before older_versions before duplicates.
--   deleted         a later DeleteCitation names this PMID and version
--   older_versions  another record of the PMID has a higher version
--   duplicates      another record of the PMID has the same version and comes later

INSERT INTO removed (record_no, rule)
WITH deleted AS (
    SELECT record_no
    FROM article
    WHERE EXISTS (
        SELECT FROM deletion
        WHERE deletion.pmid = article.pmid
            AND deletion.version = article.version
            AND article.record_no < deletion.record_no
    )
),
ranked AS (
    SELECT
        record_no,
        version,
        max(version) OVER (PARTITION BY pmid) AS highest_version,
        row_number() OVER (PARTITION BY pmid ORDER BY version DESC, record_no DESC) AS place
    FROM article
    WHERE record_no NOT IN (SELECT record_no FROM deleted)
)
SELECT record_no, 'deleted'
FROM deleted
UNION ALL
SELECT record_no, CASE WHEN version < highest_version THEN 'older_versions' ELSE 'duplicates' END
FROM ranked
WHERE place > 1;
