"""The C engine, loaded: runs programs over chunks, without the interpreter lock."""

import ctypes
import logging
import weakref
from dataclasses import dataclass
from functools import cache

from xml_rebuild.native.build import target
from xml_rebuild.native.program import Program
from xml_rebuild.native.words import Reason

log = logging.getLogger(__name__)


class _Section(ctypes.Structure):
    _fields_ = (
        ("bytes", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("room", ctypes.c_size_t),
        ("rows", ctypes.c_uint32),
        ("unusual", ctypes.c_bool),
    )


class _Input(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_char_p) for name in ("before", "data", "after", "base")),
        *((name, ctypes.c_size_t) for name in ("before_size", "size", "after_size", "base_size")),
    )


@dataclass(frozen=True, slots=True)
class Section:
    """The lines of a table, or of the keys of one kind of record; some of an `unusual` one have to be looked at."""

    lines: bytes
    rows: int
    unusual: bool


@cache
def library() -> ctypes.CDLL | None:
    """The library, if it was built for this machine; a line in the log says once that it was not."""
    try:
        loaded = ctypes.CDLL(str(target()))
    except OSError as error:
        log.warning("the C engine is not there, the slower XSLT engine does its work: %s", error)
        return None
    loaded.xml_rebuild_new.restype = ctypes.c_void_p
    loaded.xml_rebuild_new.argtypes = (
        *(ctypes.c_void_p, ctypes.c_char_p),
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p),
    )
    loaded.xml_rebuild_free.argtypes = (ctypes.c_void_p,)
    loaded.xml_rebuild_free.restype = None
    loaded.xml_rebuild_run.argtypes = (ctypes.c_void_p, ctypes.POINTER(_Input))
    loaded.xml_rebuild_sections.argtypes = (ctypes.c_void_p,)
    loaded.xml_rebuild_sections.restype = ctypes.POINTER(_Section)
    return loaded


class NativeEngine:
    """Runs one program; for one thread. Its memory grows with the largest chunk, which is 8 MiB at most."""

    def __init__(self, loaded: ctypes.CDLL, program: Program, sections: int) -> None:
        self._library = loaded
        self._program = program
        self._sections = sections
        engine = loaded.xml_rebuild_new(
            program.words.buffer_info()[0],
            program.text,
            program.sizes.buffer_info()[0],
            len(program.sizes),
            program.numbers.buffer_info()[0],
        )
        if not engine:
            raise MemoryError
        self._engine = engine
        # The program must live as long as the engine: the finalizer holds it.
        weakref.finalize(self, _free, loaded, engine, program)

    def run(self, before: bytes, data: bytes, after: bytes, base: bytes) -> list[Section] | Reason:
        """The sections of the records in `data`, whose numbers begin with `base`, or why there are none.

        `before` and `after` are the tags around the records.
        """
        sizes = (len(before), len(data), len(after), len(base))
        given = _Input(before, data, after, base, *sizes)
        reason = Reason(self._library.xml_rebuild_run(self._engine, ctypes.byref(given)))
        if reason is not Reason.ACCEPTED:
            return reason
        made = self._library.xml_rebuild_sections(self._engine)
        return [_section(made[number]) for number in range(self._sections)]


def _free(loaded: ctypes.CDLL, engine: int, _: Program) -> None:
    loaded.xml_rebuild_free(engine)


def _section(made: _Section) -> Section:
    lines = ctypes.string_at(made.bytes, made.size) if made.size else b""
    return Section(lines, made.rows, made.unusual)
