-- Which records go, each under exactly one rule: deleted before older_versions before duplicates (README.md, Rules).

CREATE TABLE removed AS
WITH deleted AS (
    SELECT record_no
    FROM article
    WHERE EXISTS (
        SELECT FROM deletion
        WHERE deletion.pmid = article.pmid
            AND deletion.version = article.version
            AND article.record_no < deletion.before_record_no
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
SELECT record_no, 'deleted' AS rule
FROM deleted
UNION ALL
SELECT record_no, CASE WHEN version < highest_version THEN 'older_versions' ELSE 'duplicates' END
FROM ranked
WHERE place > 1;
