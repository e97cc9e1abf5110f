"""CloudWatch and Logs on this machine: moto's server, with the environment's metrics put into it each minute."""

__version__ = "0.1"
