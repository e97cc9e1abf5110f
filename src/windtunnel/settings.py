"""The one table of settings: .env.example, docs/settings.md and the tests of the compose files are made from it.

A value comes from, in this order: the process environment, the environment file (`.env`), the default.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values, set_key

from windtunnel.errors import UsageError

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Setting:
    """A variable that a user may set; `default` is what compose takes when it is not set."""

    name: str
    default: str
    unit: str
    meaning: str


_ENVIRONMENT = (
    Setting("WINDTUNNEL_NAME", "windtunnel", "name", "Compose project: names containers, network and volumes"),
    Setting(
        "ENVIRONMENT_CLASS", "mw1.small", "MWAA class", "for labels and `status`; `up --class` sets the limits below"
    ),
    Setting("DELIVERY", "project", "project or bucket", "where Airflow's code comes from"),
    Setting(
        "TASK_LOGS", "volume", "volume, s3 or cloudwatch", "where tasks' logs go; cloudwatch: components' output too"
    ),
    Setting("WINDTUNNEL_PROJECT", ".", "path", "your project: dags, plugins, requirements.txt, startup.sh, options"),
    Setting("AIRFLOW_UID", "1000", "user id", "the user `airflow` of the image; `up` sets it to yours"),
    Setting(
        "CA_BUNDLE",
        "./certs/empty.crt",
        "path",
        "PEM file trusted in builds and containers, if your network inspects TLS",
    ),
    Setting("AWS_REGION", "us-east-1", "AWS region", "what tasks see as their region"),
    Setting("BUCKET", "windtunnel", "bucket name", "the environment's bucket; `up` takes a project's bucket.yaml"),
    Setting("DAG_S3_PATH", "dags", "path", "MWAA's DagS3Path, the bucket's folder of DAGs; of bucket.yaml too"),
    Setting(
        "EXECUTION_ROLE_FILE",
        "./services/secrets/execution-role.json",
        "path",
        "the IAM policy of the execution role: what tasks may do with secrets, parameters and the bucket",
    ),
    Setting("WINDTUNNEL_TLS", "", "on or empty", "HTTPS for the web server, TLS to Postgres; `up --tls` sets it"),
    Setting("REAL_AWS_PROFILE", "", "profile", "S3 and secrets of this AWS profile; `up --aws-profile` sets it"),
    Setting("AWS_FOLDER", "~/.aws", "path", "where that profile is; `up` writes it out in full"),
    Setting("GIT_REPOSITORY", "", "URL", "a git repository to take DAGs from too; `up --git` sets it"),
    Setting("GIT_BRANCH", "main", "branch or tag", "what of that repository is live"),
    Setting("GIT_FOLDER", "dags", "path", "where in that repository its DAGs are; . is the repository itself"),
    Setting("GIT_CONNECTION", "git_default", "connection id", "of type git, with the key or token if one is asked for"),
    Setting("GIT_REFRESH_INTERVAL", "10", "seconds", "until a push is seen"),
    Setting("S3_ENDPOINT_URL", "http://minio:9000", "URL", "the S3 service that Airflow and its tasks talk to"),
)
_AIRFLOW = (
    Setting("CELERY_WORKER_AUTOSCALE", "5,5", "max,min tasks", "Airflow's celery.worker_autoscale"),
    Setting("PARALLELISM", "75", "tasks", "Airflow's core.parallelism; MWAA: 10 workers × 5 tasks ÷ 1 scheduler × 1.5"),
    Setting("SCHEDULERS", "1", "containers", "schedulers (MWAA: 2 to 5)"),
    Setting("PARSING_PROCESSES", "1", "processes", "Airflow's dag_processor.parsing_processes"),
    Setting("DAG_REFRESH_INTERVAL", "5", "seconds", "until a new DAG file is seen (MWAA: 300)"),
    Setting("TRIGGERER_ENABLED", "True", "True or False", "MWAA's mwaa.triggerer_enabled"),
    Setting("METRICS_ENABLED", "True", "True or False", "whether Airflow sends StatsD"),
)
_MONITORING = (
    Setting("CLOUDWATCH_PUSH", "True", "True or False", "whether MWAA's metrics go to CloudWatch (`aws`) each minute"),
    Setting("ALERT_WEBHOOK_URL", "", "URL", "where alerts are posted to, as Alertmanager's webhook JSON"),
    Setting("ALERT_MAIL_TO", "", "mail address", "who gets alerts by mail"),
    Setting("ALERT_MAIL_FROM", "windtunnel@localhost", "mail address", "the sender of those mails"),
    Setting("ALERT_SMTP_SMARTHOST", "localhost:25", "host:port", "the mail server, as seen from Alertmanager"),
    Setting("ALERT_SMTP_TLS", "true", "true or false", "whether the mail server must speak TLS"),
    Setting("ALERT_SMTP_USER", "", "name", "to log in to the mail server with; empty: no log-in"),
    Setting(
        "ALERT_SMTP_PASSWORD_FILE",
        "./monitoring/alertmanager/no-password",
        "path",
        "a file that holds that user's password",
    ),
    Setting("DOCKER_SOCKET", "/var/run/docker.sock", "path", "the engine's socket, for docker-proxy; rootless: yours"),
)
_LIMITS = (
    Setting("WORKER_MEMORY", "2g", "bytes (k, m, g)", "limit of a worker's container; no swap, as in MWAA"),
    Setting("WORKER_CPUS", "1", "CPUs", "limit of a worker's container"),
    Setting("SCHEDULER_MEMORY", "2g", "bytes (k, m, g)", "limit of the scheduler's container"),
    Setting("SCHEDULER_CPUS", "1", "CPUs", "limit of the scheduler's container"),
    Setting("WEBSERVER_MEMORY", "2g", "bytes (k, m, g)", "limit of the web server's container"),
    Setting("WEBSERVER_CPUS", "1", "CPUs", "limit of the web server's container"),
    Setting("POSTGRES_MEMORY", "4g", "bytes (k, m, g)", "limit of the database's container"),
    Setting("POSTGRES_CPUS", "2", "CPUs", "limit of the database's container"),
    Setting("MINIO_MEMORY", "1g", "bytes (k, m, g)", "limit of MinIO's container"),
    Setting("PROMETHEUS_MEMORY", "512m", "bytes (k, m, g)", "limit of Prometheus' container"),
)
_PORTS = (
    Setting("WEBSERVER_PORT", "8080", "port, 0 = any", "Airflow's UI and API, on 127.0.0.1"),
    Setting("FLOWER_PORT", "5555", "port, 0 = any", "Flower, on 127.0.0.1"),
    Setting("POSTGRES_PORT", "5432", "port, 0 = any", "Postgres, on 127.0.0.1"),
    Setting("MINIO_PORT", "9000", "port, 0 = any", "S3, on 127.0.0.1"),
    Setting("MINIO_CONSOLE_PORT", "9001", "port, 0 = any", "MinIO's console, on 127.0.0.1"),
    Setting("PROMETHEUS_PORT", "9090", "port, 0 = any", "Prometheus, on 127.0.0.1"),
    Setting("ALERTMANAGER_PORT", "9093", "port, 0 = any", "Alertmanager, on 127.0.0.1"),
    Setting("AWS_PORT", "4566", "port, 0 = any", "AWS services (CloudWatch, Logs), on 127.0.0.1"),
    Setting("AWS_SECRETS_PORT", "4567", "port, 0 = any", "Secrets Manager, SSM, IAM and STS, on 127.0.0.1"),
    Setting("MWAA_API_PORT", "4568", "port, 0 = any", "MWAA's API, for boto3's client `mwaa`, on 127.0.0.1"),
    Setting("GRAFANA_PORT", "3000", "port, 0 = any", "Grafana, on 127.0.0.1"),
)
_RETENTION = (
    Setting("METADATA_RETENTION_DAYS", "90", "days", "runs and events kept in Airflow's metadata database"),
    Setting("LOG_RETENTION_DAYS", "30", "days", "task logs kept, on the volume or in the bucket"),
    Setting("S3_VERSIONS_DAYS", "30", "days", "old versions of objects kept in the bucket"),
    Setting("PROMETHEUS_RETENTION_SIZE", "1GB", "bytes (MB, GB)", "metrics kept, by size"),
    Setting(
        "CLOUDWATCH_RETENTION_HOURS", "24", "hours", "metrics and log events kept in CloudWatch (`aws`, in memory)"
    ),
    Setting("ALERTMANAGER_RETENTION", "120h", "duration", "silences and notices kept"),
)
_IMAGES = (
    Setting("AIRFLOW_IMAGE", "windtunnel-airflow:3.3.1", "image", "built from airflow/"),
    Setting("AIRFLOW_BASE_IMAGE", "python:3.12-slim-trixie", "image", "what the images written in Python start from"),
    Setting("MINIO_IMAGE", "windtunnel-minio:2026-02-12", "image", "built from services/go/"),
    Setting("MINIO_BASE_IMAGE", "debian:trixie-slim", "image", "what services/go/Dockerfile starts from"),
    Setting("POSTGRES_IMAGE", "postgres:17.11", "image", "metadata database and warehouse"),
    Setting("REDIS_IMAGE", "redis:8.0.5", "image", "Celery's broker"),
    Setting("STATSD_EXPORTER_IMAGE", "prom/statsd-exporter:v0.31.0", "image", "Airflow's StatsD to Prometheus"),
    Setting("REDIS_EXPORTER_IMAGE", "oliver006/redis_exporter:v1.69.0-alpine", "image", "Redis' metrics"),
    Setting("POSTGRES_EXPORTER_IMAGE", "prometheuscommunity/postgres-exporter:v0.17.1", "image", "Postgres' metrics"),
    Setting("BLACKBOX_EXPORTER_IMAGE", "prom/blackbox-exporter:v0.26.0", "image", "probes of the web server"),
    Setting("DOCKER_PROXY_IMAGE", "haproxy:3.0.24", "image", "what lets a few requests through to Docker"),
    Setting("TASK_MEMORY_IMAGE", "windtunnel-task-memory:0.1", "image", "built from services/task-memory/"),
    Setting("AWS_IMAGE", "windtunnel-aws:0.1", "image", "built from services/aws/"),
    Setting("PROMETHEUS_IMAGE", "prom/prometheus:v2.53.3", "image", "metrics store"),
    Setting("ALERTMANAGER_IMAGE", "prom/alertmanager:v0.28.1", "image", "alerts"),
    Setting("GRAFANA_IMAGE", "grafana/grafana:12.1.1", "image", "dashboards; left out where it cannot be had"),
)
_RECORDED = (
    Setting(
        "COMPOSE_FILE",
        "docker-compose.yml",
        "paths",
        "Compose's own; `up` adds compose/source.yml where no registry answers",
    ),
    Setting(
        "COMPOSE_PROFILES", "", "profiles", "Compose's own; `up` adds `grafana` in source mode when its image is there"
    ),
)
SECTIONS = {
    "Environment": _ENVIRONMENT,
    "Airflow": _AIRFLOW,
    "Monitoring": _MONITORING,
    "Limits (mw1.small's)": _LIMITS,
    "Ports": _PORTS,
    "Retention": _RETENTION,
    "Images": _IMAGES,
    "Recorded by `up`": _RECORDED,
}
SETTINGS: dict[str, Setting] = {setting.name: setting for section in SECTIONS.values() for setting in section}


def env_example() -> str:
    """The text of .env.example: every setting with its default, unit and meaning, commented out."""
    lines = [
        "# Every setting, with its default. Copy what you want to change to .env, beside docker-compose.yml.",
        "# The process environment beats .env, and .env beats the default. Made by: ./windtunnel docs",
    ]
    for title, section in SECTIONS.items():
        lines += ["", f"# {title}"]
        lines += [f"# {setting.meaning} ({setting.unit})\n# {setting.name}={setting.default}" for setting in section]
    return "\n".join(lines) + "\n"


def documentation() -> str:
    """The text of docs/settings.md."""
    lines = ["# Settings", "", "The process environment beats `.env`, and `.env` beats the default."]
    for title, section in SECTIONS.items():
        lines += ["", f"## {title}", "", "| setting | default | unit | meaning |", "| --- | --- | --- | --- |"]
        lines += [f"| `{s.name}` | `{s.default}` | {s.unit} | {s.meaning} |" for s in section]
    return "\n".join(lines) + "\n"


class EnvironmentFile:
    """The settings of one stack: `.env` for the default name, `.env.NAME` for another."""

    def __init__(self, name: str, root: Path = ROOT) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
            raise UsageError(
                f"stack name {name!r}: expected lower-case letters, digits, '-' and '_', the first a letter or digit"
            )
        self.name = name
        self.root = root
        self.path = root / (".env" if name == SETTINGS["WINDTUNNEL_NAME"].default else f".env.{name}")

    def value(self, name: str) -> str:
        """The value in force: process environment, this file, or the default."""
        return self.values()[name]

    def values(self, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
        """All settings' values in force."""
        defaults = {setting.name: setting.default for setting in SETTINGS.values()}
        written = {name: value for name, value in dotenv_values(self.path).items() if value is not None}
        exported = {name: value for name, value in environ.items() if name in SETTINGS}
        return defaults | written | exported | {"WINDTUNNEL_NAME": self.name}

    @property
    def project(self) -> Path:
        """The project's folder."""
        return (self.root / self.value("WINDTUNNEL_PROJECT")).resolve()

    def record(self, **changes: str) -> None:
        """Write settings into the file, leaving every other line as the user wrote it."""
        self.path.touch(mode=0o600)
        known = dotenv_values(self.path)
        for name, value in changes.items():
            if known.get(name) != value:
                set_key(self.path, name, value, quote_mode="never")
