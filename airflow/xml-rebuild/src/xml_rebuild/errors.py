"""What can go wrong in a rebuild, each as a type of its own, so that the failure's name already says it."""


class RebuildError(Exception):
    """A rebuild that cannot go on.

    `where` names the object and the byte, line or record in it; `next_step` is what the reader should do.
    """

    def __init__(self, what: str, where: str, expected: str, found: str, next_step: str) -> None:
        super().__init__(what, where, expected, found, next_step)
        self.what = what
        self.where = where
        self.expected = expected
        self.found = found
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.what} in {self.where}: expected {self.expected}, found {self.found}. {self.next_step}"


class Busy(RebuildError):
    """Another rebuild holds the schema; the same call succeeds once that one is over."""


class BadInput(RebuildError):
    """The input (or what was loaded from it) cannot become a database; running again gives the same failure."""


class MissingObject(BadInput):
    """An object or prefix that the source names does not exist."""


class ChangedObject(MissingObject):
    """The object was overwritten after it was located."""


class TruncatedInput(BadInput):
    """The packed stream ends before its trailer: the object was cut off."""


class CorruptInput(BadInput):
    """The packed stream is damaged: a block or the checksum is wrong."""


class MalformedXML(BadInput):
    """The XML is not well-formed."""


class TooManyRejected(MalformedXML):
    """More records than the caller allows could not be read."""


class WrongContent(BadInput):
    """The bytes are readable but are not the document that the mapping reads, or hold what is refused."""


class WrongMapping(BadInput):
    """The mapping itself has a fault; the message names its file, table and column."""


class CheckFailed(BadInput):
    """The loaded tables are not what the input says they must be; they are not published."""
