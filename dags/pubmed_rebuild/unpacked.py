"""Packed objects as plain ones below a prefix of their own, for as long as a rebuild needs them."""

from collections.abc import Sequence

from airflow.providers.amazon.aws.hooks.s3 import S3Hook

from xml_rebuild.mapping import Mapping
from xml_rebuild.repack import repack
from xml_rebuild.source import Source, is_packed


def unpacked(s3: S3Hook, sources: Sequence[Source], prefix: str, mapping: Mapping, part_bytes: int) -> list[Source]:
    """`sources` with each packed one replaced by its parts; what an earlier call has made is taken as it is."""
    client = s3.get_conn()
    return [
        part
        for source in sources
        for part in (repack(source, prefix, mapping, client, part_bytes) if is_packed(source, client) else [source])
    ]


def remove(s3: S3Hook, located: Sequence[Source], loaded: Sequence[Source]) -> list[str]:
    """Delete the folders of those `loaded` objects that are no `located` ones but were made by `unpacked`."""
    given = {source.url for source in located}
    folders = sorted({source.url.rpartition("/")[0] + "/" for source in loaded if source.url not in given})
    for folder in folders:
        name, prefix = s3.parse_s3_url(folder)
        s3.delete_objects(name, s3.list_keys(name, prefix) or [])
    return folders
