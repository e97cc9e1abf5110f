"""MWAA's environment classes, and the settings that give a stack their size.

Source: https://docs.aws.amazon.com/mwaa/latest/userguide/environment-class.html and best-practices-tuning.html there.
"""

from dataclasses import dataclass

from windtunnel.errors import UsageError


@dataclass(frozen=True)
class EnvironmentClass:
    """CPUs and memory (GiB) per container, and what it is for.

    `tasks`: what one worker runs at once. `workers`: how many there may be. `dags`: how many AWS advises.
    """

    name: str
    worker: tuple[int, int]
    scheduler: tuple[int, int]
    webserver: tuple[int, int]
    database: tuple[int, int]
    tasks: int
    dags: int
    workers: int = 10

    @property
    def is_hybrid(self) -> bool:
        """Whether scheduler and worker share one container."""
        return self.name == "mw1.micro"

    @property
    def parallelism(self) -> int:
        """MWAA's core.parallelism: workers at most × tasks of each ÷ schedulers × 1.5, of the one scheduler here."""
        return self.workers * self.tasks * 3 // 2

    @property
    def parsing_processes(self) -> int:
        """MWAA's cap on DAG parsing: 2 × vCPU − 1."""
        return 2 * self.scheduler[0] - 1

    def settings(self, host_cpus: int) -> dict[str, str]:
        """The settings of this class, CPU limits capped at the host's: Docker refuses more."""
        limits = {
            "WORKER": self.worker,
            "SCHEDULER": self.scheduler,
            "WEBSERVER": self.webserver,
            "POSTGRES": self.database,
        }
        memory = {f"{service}_MEMORY": f"{gib}g" for service, (_, gib) in limits.items()}
        cpus = {f"{service}_CPUS": str(min(cpu, host_cpus)) for service, (cpu, _) in limits.items()}
        return (
            memory
            | cpus
            | {
                "ENVIRONMENT_CLASS": self.name,
                "CELERY_WORKER_AUTOSCALE": f"{self.tasks},{self.tasks}",
                "PARALLELISM": str(self.parallelism),
                "PARSING_PROCESSES": str(self.parsing_processes),
            }
        )


CLASSES = {
    one.name: one
    for one in (
        EnvironmentClass("mw1.micro", (1, 3), (1, 3), (1, 3), (2, 4), 3, 25, workers=1),
        EnvironmentClass("mw1.small", (1, 2), (1, 2), (1, 2), (2, 4), 5, 50),
        EnvironmentClass("mw1.medium", (2, 4), (2, 4), (1, 2), (2, 8), 10, 250),
        EnvironmentClass("mw1.large", (4, 8), (4, 8), (2, 4), (2, 8), 20, 1000),
        EnvironmentClass("mw1.xlarge", (8, 24), (8, 24), (4, 12), (4, 32), 40, 2000),
        EnvironmentClass("mw1.2xlarge", (16, 48), (16, 48), (8, 24), (8, 64), 80, 4000),
    )
}

# Those whose worker has its container to itself, smallest first.
WITH_WORKERS = {name: one for name, one in CLASSES.items() if not one.is_hybrid}


def environment_class(name: str) -> EnvironmentClass:
    """The class of this name.

    Raises:
        UsageError: there is none; the message lists those there are.
    """
    if name not in CLASSES:
        raise UsageError(f"environment class {name!r}: expected one of {', '.join(CLASSES)}")
    return CLASSES[name]
