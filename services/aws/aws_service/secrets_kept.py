"""Secrets and parameters in a file, since moto keeps all in memory: what stands in Secrets Manager and SSM now.

Values, descriptions, tags and ARNs are kept. Earlier versions, rotation and policies on secrets are not.

moto's SSM loads its EC2, 110 MB: it is imported only where there are parameters to restore, or moto has it already.
"""

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.secretsmanager.models import FakeSecret, SecretsManagerBackend, secretsmanager_backends

if TYPE_CHECKING:
    from moto.ssm.models import Parameter, SimpleSystemManagerBackend

READS = ("Get", "List", "Describe", "BatchGet")
Row = dict[str, Any]

log = logging.getLogger(__name__)


class SecretsKept:
    """The file, and the lock of those who write it; without a file nothing is kept."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = Lock()

    def restore(self) -> None:
        """Put what the file holds into Secrets Manager and SSM.

        Raises:
            ValueError, KeyError: the file is not one of these.
        """
        if not self._file or not self._file.exists():
            return
        rows = json.loads(self._file.read_text())
        for row in rows["secrets"]:
            _restore_secret(row)
        for row in rows["parameters"]:
            _restore_parameter(row)
        log.info("%s secrets and %s parameters restored", len(rows["secrets"]), len(rows["parameters"]))

    def after(self, action: str) -> None:
        """Write the file anew, if an action (`service:Name`) that went well may have changed what it holds."""
        service, _, name = action.partition(":")
        if self._file and service in ("secretsmanager", "ssm") and not name.startswith(READS):
            with self._lock:
                _write(self._file, {"secrets": list(_secrets()), "parameters": list(_parameters())})


def _write(file: Path, rows: dict[str, list[Row]]) -> None:
    partial = file.with_name(f".{file.name}.partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(rows, indent=1))
    partial.replace(file)


def _secrets() -> Iterator[Row]:
    for region, backend in list(secretsmanager_backends[DEFAULT_ACCOUNT_ID].items()):
        for secret in list(backend.secrets.values()):
            if isinstance(secret, FakeSecret) and not secret.is_deleted():
                yield {
                    "region": region,
                    "name": secret.name,
                    "arn": secret.arn,
                    "description": secret.description,
                    "tags": secret.tags,
                    "kms_key_id": secret.kms_key_id,
                    "version": secret.versions.get(secret.default_version_id or ""),
                }


def _restore_secret(row: Row) -> None:
    backend: SecretsManagerBackend = secretsmanager_backends[DEFAULT_ACCOUNT_ID][row["region"]]
    version = row["version"] or {}
    backend.create_secret(
        row["name"],
        version.get("secret_string"),
        version.get("secret_binary"),
        row["description"],
        row["tags"],
        row["kms_key_id"],
        version.get("version_id"),
        [],
        False,
    )
    # Policies may name it, random end included.
    backend.secrets[row["name"]].arn = row["arn"]


def _parameters() -> Iterator[Row]:
    if "moto.ssm.models" not in sys.modules:
        return
    from moto.ssm.models import ssm_backends

    for region, backend in list(ssm_backends[DEFAULT_ACCOUNT_ID].items()):
        for name, versions in list(backend._parameters.items()):
            # Below /aws are AWS's public ones, of which moto has thousands; a name that was asked for in vain is empty.
            if versions and not name.startswith("/aws/"):
                yield _parameter(region, backend, versions[-1])


def _parameter(region: str, backend: "SimpleSystemManagerBackend", parameter: "Parameter") -> Row:
    encrypted = parameter.parameter_type == "SecureString"
    return {
        "region": region,
        "name": parameter.name,
        "value": parameter.decrypt(parameter.value) if encrypted else parameter.value,
        "type": parameter.parameter_type,
        "description": parameter.description,
        "allowed_pattern": parameter.allowed_pattern,
        "key_id": parameter.keyid,
        "data_type": parameter.data_type,
        "tags": dict(backend._resource_tags["Parameter"][parameter.name]),
    }


def _restore_parameter(row: Row) -> None:
    from moto.ssm.models import ssm_backends

    backend: SimpleSystemManagerBackend = ssm_backends[DEFAULT_ACCOUNT_ID][row["region"]]
    backend.put_parameter(
        row["name"],
        row["description"],
        row["value"],
        row["type"],
        row["allowed_pattern"],
        row["key_id"],
        False,
        [{"Key": key, "Value": value} for key, value in row["tags"].items()],
        row["data_type"],
        None,
        None,
    )
