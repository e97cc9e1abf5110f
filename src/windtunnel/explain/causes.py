"""All causes, the surest first: the first that applies is the answer.

What killed the task, then how it ended, then what keeps the run and the task from being scheduled, queued and started,
and last what simply is so.
"""

from windtunnel.explain import ended, killed, waiting
from windtunnel.explain.cause import LOGS_OF_SCHEDULER, Cause
from windtunnel.explain.evidence import Evidence

CAUSES = (*killed.CAUSES, *ended.CAUSES, *waiting.CAUSES, killed.EARLIER)


def _nothing(evidence: Evidence) -> str:
    if evidence.reasons:
        return f"Airflow's own reason: {' '.join(evidence.reasons)}"
    return "Nothing is known to hold it: the scheduler looks at it in one of its next loops."


NOTHING_FOUND = Cause("nothing found", lambda evidence: True, _nothing, LOGS_OF_SCHEDULER)


def of(evidence: Evidence) -> list[Cause]:
    """The causes that apply, the answer first; never empty."""
    return [cause for cause in CAUSES if cause.applies(evidence)] or [NOTHING_FOUND]
