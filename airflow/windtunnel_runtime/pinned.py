"""What a container fetches from the environment's bucket when it starts: each object by the version that is pinned.

The document of the environment says which, as MWAA's GetEnvironment tells it; the service mwaa-api keeps it.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

DOCUMENT = Path("/mnt/mwaa/environment.json")
# Each object's path and version in the document, and its file here.
PINNED = {
    "plugins.zip": ("PluginsS3Path", "PluginsS3ObjectVersion"),
    "requirements.txt": ("RequirementsS3Path", "RequirementsS3ObjectVersion"),
    "startup.sh": ("StartupScriptS3Path", "StartupScriptS3ObjectVersion"),
}
OPTIONS = "configuration-options.yaml"


def fetch(document_file: Path, bucket: str, client: Any, code: Path) -> list[str]:
    """Fill the folder `code` anew; what could not be fetched, each with the reason."""
    shutil.rmtree(code, ignore_errors=True)
    code.mkdir(parents=True)
    document = environment(document_file)
    # JSON is YAML.
    (code / OPTIONS).write_text(json.dumps(document.get("AirflowConfigurationOptions") or {}))
    return [problem for file in PINNED if (problem := _fetch(document, file, bucket, client, code))]


@retry(retry=retry_if_exception_type(FileNotFoundError), stop=stop_after_delay(120), wait=wait_fixed(0.5), reraise=True)
def environment(document_file: Path = DOCUMENT) -> dict[str, Any]:
    """The environment's document, which a service writes that may be starting at this moment.

    Raises:
        FileNotFoundError: it has not been written within two minutes.
    """
    found: dict[str, Any] = json.loads(document_file.read_text())["document"]
    return found


def _fetch(document: dict[str, Any], file: str, bucket: str, client: Any, code: Path) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    path, version = (document.get(key) for key in PINNED[file])
    if not path:
        return ""
    try:
        pin = {"VersionId": version} if version else {}
        client.download_file(bucket, path, str(code / file), ExtraArgs=pin)
    except (BotoCoreError, ClientError) as error:
        (code / file).unlink(missing_ok=True)
        of = f" in version {version}" if version else ""
        return f"{file}: expected s3://{bucket}/{path}{of}, found {error}; MWAA's update would fail and roll back"
    return ""
