"""Every way in which Windtunnel fails, each with its exit code.

WindtunnelError                    1
├── RunFailed                      1   a run or a check failed
├── UsageError                     2   the command line or a setting is wrong
├── StackNotRunning                3   the stack, or one service of it, is not up
├── DagNotFound                    4   no such DAG
├── RunNotFound                   20   the DAG has no such run, or the run no such task
├── DagImportFailed                5   the DAG's file does not import
├── TimedOut                       6   something was waited for in vain
├── MachineUnfit                   7   the machine or its container engine will not do
│   ├── EngineMissing             10   no container engine with Compose v2
│   ├── PortTaken                 11   a port that a service needs is in use
│   └── DiskFull                  12   too little disk, or none left
├── ImageFailed                    8   an image could not be had or built
│   └── RegistryUnreachable       13   the image registry does not answer
├── QueryFailed                   21   Prometheus refuses a query
├── NotPackaged                   22   requirements could not be had as wheels for MWAA
└── BadInput                       9   the input data will not do
    ├── MissingObject             14   no such object in the bucket
    ├── TruncatedInput            15   the input ends too early
    ├── MalformedXML              16   the input is not well-formed
    ├── WrongContent              17   the input is well-formed, but not what it should be
    ├── CheckFailed               18   what was loaded does not pass its checks
    └── CorruptInput              19   the input's compression is damaged

An error says what failed and where, with what was found and expected (`message`), and what to do next (`help`).
"""


class WindtunnelError(Exception):
    """Base of all of Windtunnel's own errors.

    `message`: what failed, where, found and expected. `help`: the next command, or empty.
    """

    exit_code = 1

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.help = help


class RunFailed(WindtunnelError):
    """A DAG run or a check ended in failure."""


class UsageError(WindtunnelError):
    """The command line or a setting is wrong; nothing was done."""

    exit_code = 2


class StackNotRunning(WindtunnelError):
    """The stack, or the service that is asked for, is not up."""

    exit_code = 3


class DagNotFound(WindtunnelError):
    """Airflow knows no DAG of this id."""

    exit_code = 4


class RunNotFound(WindtunnelError):
    """The DAG has no such run, or the run has no such task."""

    exit_code = 20


class DagImportFailed(WindtunnelError):
    """The file that should define the DAG does not import."""

    exit_code = 5


class TimedOut(WindtunnelError):
    """Something that was waited for did not come in time."""

    exit_code = 6


class MachineUnfit(WindtunnelError):
    """The machine or its container engine will not do."""

    exit_code = 7


class EngineMissing(MachineUnfit):
    """No container engine with Compose v2, and none could be installed."""

    exit_code = 10


class PortTaken(MachineUnfit):
    """A port that a service publishes is in use by another program."""

    exit_code = 11


class DiskFull(MachineUnfit):
    """Too little disk to start, or none left on the way."""

    exit_code = 12


class ImageFailed(WindtunnelError):
    """An image could not be pulled or built."""

    exit_code = 8


class RegistryUnreachable(ImageFailed):
    """The image registry does not answer, and official images were asked for."""

    exit_code = 13


class QueryFailed(WindtunnelError):
    """Prometheus refuses a query."""

    exit_code = 21


class NotPackaged(WindtunnelError):
    """Requirements could not be had as wheels for MWAA."""

    exit_code = 22


class BadInput(WindtunnelError):
    """The data that a job was given will not do; what was live stays live."""

    exit_code = 9


class MissingObject(BadInput):
    """No such object in the bucket."""

    exit_code = 14


class TruncatedInput(BadInput):
    """The input ends before its end."""

    exit_code = 15


class MalformedXML(BadInput):
    """The input is not well-formed XML."""

    exit_code = 16


class WrongContent(BadInput):
    """The input is well-formed, but not what the job reads."""

    exit_code = 17


class CheckFailed(BadInput):
    """What was loaded does not pass the checks that stand before the swap."""

    exit_code = 18


class CorruptInput(BadInput):
    """The input's compressed stream, or its checksum, is damaged."""

    exit_code = 19


#: What a job may call bad input more exactly than an exit code does.
MORE_EXACT: dict[str, type[BadInput]] = {"ChangedObject": MissingObject, "TooManyRejected": MalformedXML}


def family(root: type[WindtunnelError] = WindtunnelError) -> dict[str, type[WindtunnelError]]:
    """All errors below and including `root`, by class name: how a task's exception is recognised in its log."""
    members = {root.__name__: root}
    for child in root.__subclasses__():
        members |= family(child)
    return members
