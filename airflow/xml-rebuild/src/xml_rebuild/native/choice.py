"""Which of the two engines a mapping, and then a chunk, gets."""

import logging
import threading
from collections import Counter

from xml_rebuild.mapping import Mapping
from xml_rebuild.native.library import NativeEngine, Section, library
from xml_rebuild.native.program import program, reason_against
from xml_rebuild.native.words import Reason
from xml_rebuild.per_document import PerDocument
from xml_rebuild.prolog import Prolog

log = logging.getLogger(__name__)


class NativeRoute:
    """Runs a mapping's chunks through the C engine, as far as there is one and it takes them; for all threads.

    `refused` counts what it did not take.
    """

    def __init__(self, mapping: Mapping) -> None:
        self.refused: Counter[Reason] = Counter()
        self._mapping = mapping
        self._library = library()
        self._engines = PerDocument(self._engine)
        self._counting = threading.Lock()
        reason = None if self._library is None else reason_against(mapping)
        if reason is not None:
            log.info("the XSLT engine does the work of mapping %s: %s", mapping.name, reason)
            self._library = None

    def run(self, prolog: Prolog, data: bytes, base: str) -> list[Section] | None:
        """What NativeEngine.run gives for a chunk of the document; None when it is for the XSLT engine."""
        engine = self._engines.of(prolog)
        if engine is None:
            return None
        made = engine.run(b"".join(prolog.open_tags), data, b"".join(prolog.close_tags), base.encode())
        if not isinstance(made, Reason):
            return made
        with self._counting:
            self.refused[made] += 1
        return None

    def _engine(self, prolog: Prolog) -> NativeEngine | None:
        if self._library is None:
            return None
        sections = sum(1 + len(record.tables) for record in self._mapping.records)
        return NativeEngine(self._library, program(self._mapping, prolog.names()), sections)


def told(mapping: Mapping) -> str:
    """Which engine does the mapping's work here, and if it is the slower one, why."""
    if library() is None:
        return "XSLT, since the C engine was not built"
    reason = reason_against(mapping)
    return "C" if reason is None else f"XSLT, for the expression {reason}"
