"""What can be wrong with the input, each as a type of its own, so that the failure's name already says it."""


class BadInput(Exception):
    """The input (or what was loaded from it) cannot become a database; running again gives the same failure.

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


class MissingObject(BadInput):
    """An object or prefix that the source names does not exist, or changed since it was located."""


class TruncatedInput(BadInput):
    """The gzip stream ends before its trailer: the object was cut off."""


class CorruptInput(BadInput):
    """The gzip stream is damaged: a deflate block or the checksum is wrong."""


class MalformedXML(BadInput):
    """The XML is not well-formed."""


class WrongContent(BadInput):
    """The bytes are readable but are not MEDLINE citations, or hold what is refused (entity declarations)."""


class CheckFailed(BadInput):
    """The loaded tables are not what the input says they must be; they are not published."""
