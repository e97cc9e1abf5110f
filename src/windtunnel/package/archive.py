"""A zip file whose bytes depend on its content alone: sorted members, one date, no compression.

Compression would make them depend on the zlib of the host; what is large in it are wheels, which are compressed.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path

DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip file can have


def write(path: Path, members: Mapping[str, bytes | Path]) -> None:
    """Write the members, name → content or the file that has it, in the names' order."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(members.items()):
            info = zipfile.ZipInfo(name, DATE)
            info.create_system = 3  # Unix, or the rights below mean nothing
            info.external_attr = 0o644 << 16
            archive.writestr(info, content.read_bytes() if isinstance(content, Path) else content)
