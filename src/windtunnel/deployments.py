"""Deployments of projects into an environment's bucket: what each put there, by version, so that one can go back to it.

Works on any versioned bucket, the stack's or AWS's. Each deployment leaves a manifest under `windtunnel/deployments/`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from windtunnel.errors import MissingObject, UsageError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MANIFESTS = "windtunnel/deployments/"


@dataclass(frozen=True)
class Deployment:
    """What the bucket has by it: key → version. `of` is the deployment that it repeats, or itself."""

    at: str
    of: str
    versions: dict[str, str]
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """What a deployment did to the bucket, by key."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


class Deployments:
    """The deployments of one bucket."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client, self._bucket = client, bucket

    def put(self, files: Mapping[str, bytes], options: Mapping[str, str], dags: str) -> tuple[Deployment, Change]:
        """Make the bucket's project these files; what is the same already is not sent again.

        Of what has the prefix `dags`, nothing else stays.

        Raises:
            UsageError: the bucket keeps no versions.
        """
        self._demand_versions()
        there = self._there(files, dags)
        gone = [key for key in there if key.startswith(dags) and key not in files]
        new = [key for key in files if key not in there]
        changed = [key for key, content in files.items() if key in there and there[key] != _tag(content)]
        for key in new + changed:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=files[key])
        self._remove(gone)
        return self._note(list(files), dict(options)), Change(new, changed, gone)

    def back(self) -> tuple[Deployment, Change]:
        """Make the bucket's project what it was by the deployment before.

        Raises:
            UsageError: there is none.
            MissingObject: a version of then is gone; nothing was changed.
        """
        done = self.all()
        before = [one for one in done if done and one.at < done[-1].of and one.of == one.at]
        if not before:
            raise UsageError(f"s3://{self._bucket}: expected an earlier deployment, found none")
        return self._restore(before[-1], done[-1])

    def all(self) -> list[Deployment]:
        """The manifests, oldest first."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=MANIFESTS)
        keys = sorted(one["Key"] for page in pages for one in page.get("Contents", []))
        bodies = (self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read() for key in keys)
        return [Deployment(**json.loads(body)) for body in bodies]

    def _restore(self, then: Deployment, now: Deployment) -> tuple[Deployment, Change]:
        for key, version in then.versions.items():
            self._demand_version(key, version)
        wanted = {key: version for key, version in then.versions.items() if now.versions.get(key) != version}
        for key, version in wanted.items():
            source: Any = {"Bucket": self._bucket, "Key": key, "VersionId": version}
            self._client.copy_object(Bucket=self._bucket, Key=key, CopySource=source)
        gone = [key for key in now.versions if key not in then.versions]
        self._remove(gone)
        new = [key for key in wanted if key not in now.versions]
        changed = [key for key in wanted if key in now.versions]
        return self._note(list(then.versions), then.options, of=then.at), Change(new, changed, gone)

    def _there(self, files: Mapping[str, bytes], dags: str) -> dict[str, str]:
        """Entity tag of every DAG file, and of the other keys that are asked for."""
        wanted = [dags, *(key for key in files if not key.startswith(dags))]
        paginator = self._client.get_paginator("list_objects_v2")
        pages = (page for prefix in wanted for page in paginator.paginate(Bucket=self._bucket, Prefix=prefix))
        objects = (one for page in pages for one in page.get("Contents", []))
        return {one["Key"]: one["ETag"] for one in objects if one["Key"].startswith(dags) or one["Key"] in files}

    def _remove(self, keys: list[str]) -> None:
        for key in keys:
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def _note(self, keys: list[str], options: dict[str, str], of: str = "") -> Deployment:
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        versions = {key: self._client.head_object(Bucket=self._bucket, Key=key)["VersionId"] for key in keys}
        done = Deployment(at, of or at, versions, options)
        self._client.put_object(
            Bucket=self._bucket, Key=f"{MANIFESTS}{at}.json", Body=json.dumps(asdict(done)).encode()
        )
        return done

    def _demand_versions(self) -> None:
        status = self._client.get_bucket_versioning(Bucket=self._bucket).get("Status")
        if status != "Enabled":
            raise UsageError(
                f"s3://{self._bucket}: expected a versioned bucket, as MWAA does, found {status or 'none'}"
            )

    def _demand_version(self, key: str, version: str) -> None:
        from botocore.exceptions import ClientError

        try:
            self._client.head_object(Bucket=self._bucket, Key=key, VersionId=version)
        except ClientError as error:
            raise MissingObject(f"s3://{self._bucket}/{key}: expected version {version}, found {error}") from error


def _tag(content: bytes) -> str:
    """The entity tag of an object that was put in one piece (without KMS: with it, all is sent each time)."""
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
