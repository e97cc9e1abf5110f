"""What UpdateEnvironment does to the stack, beside writing it down."""

import logging

from mwaa_api.environment import Document

log = logging.getLogger(__name__)


def not_connected(old: Document, new: Document) -> None:
    """Nothing: the document says what is wanted, and the next `./windtunnel up` or start of a container takes it."""
    changed = sorted(key for key in new if new[key] != old.get(key))
    log.info("changed: %s", ", ".join(changed) or "nothing")
