"""The stack as MWAA's `Environment`: one document in one file, begun from the stack's settings.

A setting that changes later changes the document at the next start; everything else is as the last update left it.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID

from aws_service.named import ROLE_ARN
from mwaa_api.errors import Invalid

Document = dict[str, Any]
# Brings the stack from one document to the next; what it raises becomes the update's error.
Apply = Callable[[Document, Document], None]

# Made from src/windtunnel/classes.py, which this service's image does not have.
CLASSES = tuple(json.loads(Path(__file__).with_name("classes.json").read_text()))
LOGS = ("DagProcessing", "Scheduler", "Webserver", "Worker", "Task")
SETTINGS = (
    "WINDTUNNEL_NAME",
    "AWS_REGION",
    "BUCKET",
    "DAG_S3_PATH",
    "ENVIRONMENT_CLASS",
    "AIRFLOW_VERSION",
    "WEBSERVER_URL",
)
NOT_OF_THE_DOCUMENT = {"Name", "WorkerReplacementStrategy"}

log = logging.getLogger(__name__)


class ApplyFailed(Exception):
    """The stack could not be brought to the new document: MWAA's error code, and what happened."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Environment:
    """The document in its file."""

    def __init__(self, file: Path, settings: Mapping[str, str], apply: Apply) -> None:
        self._file = file
        self._apply = apply
        self._lock = Lock()
        self._settings = {name: settings[name] for name in SETTINGS}
        self.document = self._begin()

    @property
    def name(self) -> str:
        """The environment's name."""
        return str(self.document["Name"])

    @property
    def arn(self) -> str:
        """The environment's ARN."""
        return str(self.document["Arn"])

    def update(self, changes: Document) -> Thread:
        """Take changes over, and let `apply` follow; the thread that is returned ends when it has.

        Raises:
            Invalid: an update is under way already, or the changes contradict each other.
        """
        with self._lock:
            if self.document["Status"] not in ("AVAILABLE", "UPDATE_FAILED"):
                raise Invalid(f"Environment {self.name} is {self.document['Status']}; it can be updated when AVAILABLE")
            old = self.document
            new = _merged(old, changes)
            _check(new)
            strategy = {"WorkerReplacementStrategy": changes.get("WorkerReplacementStrategy", "FORCED")}
            # Containers that start now are to find what they are to fetch.
            self._write(new | {"Status": "UPDATING", "LastUpdate": _last("PENDING") | strategy})
        thread = Thread(target=self._follow, args=(old, new, strategy), name="update")
        thread.start()
        return thread

    def tag(self, tags: dict[str, str]) -> None:
        """Add tags, or change them.

        Raises:
            Invalid: more than 50.
        """
        with self._lock:
            tagged = self.document["Tags"] | tags
            if len(tagged) > 50:
                raise Invalid(f"Environment {self.name} would have {len(tagged)} tags, at most 50 are allowed")
            self._write(self.document | {"Tags": tagged})

    def untag(self, keys: list[str]) -> None:
        """Take tags away."""
        with self._lock:
            left = {key: value for key, value in self.document["Tags"].items() if key not in keys}
            self._write(self.document | {"Tags": left})

    def deleting(self) -> None:
        """Be DELETING; a container can't take down its own stack, so the document says who can."""
        with self._lock:
            how = f"./windtunnel --name {self.name} down --volumes"
            self._write(self.document | {"Status": "DELETING", "LastUpdate": _last("PENDING") | {"Source": how}})
        log.warning("DeleteEnvironment: to delete this environment, run: %s", how)

    def _begin(self) -> Document:
        stored = json.loads(self._file.read_text()) if self._file.exists() else {}
        fresh = first(self._settings)
        document = stored.get("document") or fresh | {"CreatedAt": int(time.time())}
        # A file of before a setting was there: it was as it is now.
        then = first(self._settings | stored["settings"]) if stored else fresh
        document |= {key: value for key, value in fresh.items() if value != then.get(key)}
        if document["Status"] == "UPDATING":
            error = {"ErrorCode": "INTERRUPTED", "ErrorMessage": "The service stopped during the update"}
            last = document["LastUpdate"] | {"Status": "FAILED", "Error": error}
            document |= {"Status": "UPDATE_FAILED", "LastUpdate": last}
        elif document["Status"] == "DELETING":
            document["Status"] = "AVAILABLE"
        self._write(document)
        return document

    def _follow(self, old: Document, new: Document, strategy: Document) -> None:
        try:
            self._apply(old, new)
        except ApplyFailed as failed:
            error = {"ErrorCode": failed.code, "ErrorMessage": failed.message}
            self._end(old, "UPDATE_FAILED", _last("FAILED") | strategy | {"Error": error})
        except Exception as crash:  # an update must end, or the environment is stuck
            log.exception("the update failed")
            error = {"ErrorCode": "INTERNAL_FAILURE", "ErrorMessage": f"{type(crash).__name__}: {crash}"[:1024]}
            self._end(old, "UPDATE_FAILED", _last("FAILED") | strategy | {"Error": error})
        else:
            self._end(new, "AVAILABLE", _last("SUCCESS") | strategy)

    def _end(self, document: Document, status: str, last: Document) -> None:
        """After a failure the document is the one before: MWAA rolls back. Tags may have changed meanwhile."""
        with self._lock:
            self._write(document | {"Status": status, "LastUpdate": last, "Tags": self.document["Tags"]})

    def _write(self, document: Document) -> None:
        partial = self._file.with_name(f".{self._file.name}.partial")
        partial.write_text(json.dumps({"settings": self._settings, "document": document}, indent=1))
        partial.replace(self._file)
        self.document = document


def first(settings: Mapping[str, str]) -> Document:
    """The document of a stack that was never updated."""
    name, region, bucket = (settings[key] for key in ("WINDTUNNEL_NAME", "AWS_REGION", "BUCKET"))
    return {
        "Name": name,
        "Status": "AVAILABLE",
        "Arn": f"arn:aws:airflow:{region}:{DEFAULT_ACCOUNT_ID}:environment/{name}",
        "WebserverUrl": settings["WEBSERVER_URL"],
        "ExecutionRoleArn": ROLE_ARN,
        "AirflowVersion": settings["AIRFLOW_VERSION"],
        "SourceBucketArn": f"arn:aws:s3:::{bucket}",
        "DagS3Path": settings["DAG_S3_PATH"],
        "EnvironmentClass": settings["ENVIRONMENT_CLASS"],
        "MinWorkers": 1,
        "MaxWorkers": 1,
        "MinWebservers": 1,
        "MaxWebservers": 1,
        "Schedulers": 1,
        "AirflowConfigurationOptions": {},
        # Of no effect here; scripts read them.
        "NetworkConfiguration": {"SubnetIds": ["subnet-local1", "subnet-local2"], "SecurityGroupIds": ["sg-local"]},
        "WebserverAccessMode": "PUBLIC_ONLY",
        "EndpointManagement": "SERVICE",
        "WeeklyMaintenanceWindowStart": "SUN:03:00",
        "LoggingConfiguration": {f"{kind}Logs": _logging(name, region, kind) for kind in LOGS},
        "Tags": {},
    }


def _logging(name: str, region: str, kind: str) -> Document:
    # The group is called WebServer, the member WebserverLogs.
    group = f"airflow-{name}-{kind.replace('Webserver', 'WebServer')}"
    arn = f"arn:aws:logs:{region}:{DEFAULT_ACCOUNT_ID}:log-group:{group}"
    return {"Enabled": True, "LogLevel": "INFO", "CloudWatchLogGroupArn": arn}


def _merged(old: Document, changes: Document) -> Document:
    """The document with an update's members; maps that the API has as a whole are replaced, the rest goes deeper."""
    new = old | {key: value for key, value in changes.items() if key not in NOT_OF_THE_DOCUMENT}
    for key in ("LoggingConfiguration", "NetworkConfiguration"):
        parts = changes.get(key, {})
        new[key] = old[key] | {
            part: old[key].get(part, {}) | value if isinstance(value, dict) else value for part, value in parts.items()
        }
    return new


def _check(document: Document) -> None:
    if document["EnvironmentClass"] not in CLASSES:
        raise Invalid(f"EnvironmentClass {document['EnvironmentClass']} is none of {', '.join(CLASSES)}")
    for kind in ("Workers", "Webservers"):
        least, most = document[f"Min{kind}"], document[f"Max{kind}"]
        if least > most:
            raise Invalid(f"Min{kind} ({least}) must not exceed Max{kind} ({most})")


def _last(status: str) -> Document:
    return {"Status": status, "CreatedAt": int(time.time())}
