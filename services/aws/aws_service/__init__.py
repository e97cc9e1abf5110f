"""AWS on this machine, by moto: CloudWatch with the environment's metrics, Logs, and secrets behind IAM's policies."""

__version__ = "0.1"
