"""Which of the two engines a mapping, and then a chunk, gets."""

import ctypes
import logging
import threading
from collections import Counter

from xml_rebuild.mapping import Mapping
from xml_rebuild.native.library import NativeEngine, Section, library
from xml_rebuild.native.program import program, reason_against
from xml_rebuild.native.words import Reason
from xml_rebuild.prolog import Prolog

log = logging.getLogger(__name__)


class _Engines(threading.local):
    """One engine a thread, for the document that it is at."""

    def __init__(self) -> None:
        self.prolog: Prolog | None = None
        self.engine: NativeEngine | None = None


class NativeRoute:
    """Runs a mapping's chunks through the C engine, as far as there is one and it takes them; for all threads.

    `refused` counts what it did not take.
    """

    def __init__(self, mapping: Mapping) -> None:
        self.refused: Counter[Reason] = Counter()
        self._mapping = mapping
        self._library = library()
        self._engines = _Engines()
        self._counting = threading.Lock()
        reason = None if self._library is None else reason_against(mapping)
        if reason is not None:
            log.info("the XSLT engine does the work of mapping %s: %s", mapping.name, reason)
            self._library = None

    def run(self, prolog: Prolog, data: bytes, base: str) -> list[Section] | None:
        """What NativeEngine.run gives for a chunk of the document; None when it is for the XSLT engine."""
        if self._library is None:
            return None
        engine, tags = self._engine(self._library, prolog), (b"".join(prolog.open_tags), b"".join(prolog.close_tags))
        made = engine.run(tags[0], data, tags[1], base.encode())
        if not isinstance(made, Reason):
            return made
        with self._counting:
            self.refused[made] += 1
        return None

    def _engine(self, loaded: ctypes.CDLL, prolog: Prolog) -> NativeEngine:
        local = self._engines
        if local.engine is None or local.prolog != prolog:
            sections = sum(1 + len(record.tables) for record in self._mapping.records)
            local.engine = NativeEngine(loaded, program(self._mapping, prolog.names()), sections)
            local.prolog = prolog
        return local.engine


def told(mapping: Mapping) -> str:
    """Which engine does the mapping's work here, and if it is the slower one, why."""
    if library() is None:
        return "XSLT, since the C engine was not built"
    reason = reason_against(mapping)
    return "C" if reason is None else f"XSLT, for the expression {reason}"
