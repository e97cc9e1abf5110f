"""Where records begin and end in a stream of bytes, told by their tags alone."""

import re
from collections.abc import Iterable, Iterator
from heapq import merge

_NAME_END = rb"(?=[\s/>])"
_ATTRIBUTES = rb"(?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*+"
_CLOSE = re.compile(rb"\s*>")
_LESS_THAN = ord("<")
_HIDDEN = ((b"<!--", b"-->"), (b"<![CDATA[", b"]]>"), (b"<?", b"?>"))
_PREFIX = rb"(?:[^\s<>/:!?]+:)?"


class RecordTags:
    """Finds the records of some names, whatever their prefix is; `around` are the names of elements around them."""

    def __init__(self, local_names: Iterable[str], around: Iterable[str] = ()) -> None:
        self._local_names = [name.encode() for name in sorted(set(local_names))]
        names = rb"%b(?:%b)" % (_PREFIX, b"|".join(map(re.escape, self._local_names)))
        self._token = re.compile(
            rb"(?P<hidden><!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>)|(?P<open><!--|<!\[CDATA\[|<\?)|"
            rb"(?P<end></%b\s*>)|<%b%b(?:(?P<empty>%b/>)|(?P<start>%b>))"
            % (names, names, _NAME_END, rb"(?:[^<>\"'/]|/(?!>)|\"[^\"<]*\"|'[^'<]*')*+", _ATTRIBUTES),
            re.DOTALL,
        )
        outer = b"|".join(re.escape(name.encode()) for name in around) or rb"(?!)"
        between = rb"(?:\s|</?(?:%b)%b%b>)*+" % (outer, _NAME_END, _ATTRIBUTES)
        self._between = re.compile(rb"(</%b\s*>)%b<%b%b" % (names, between, names, _NAME_END))
        self._end = re.compile(rb"</(%b)\s*>" % names)
        self._start = re.compile(rb"<%b%b" % (names, _NAME_END))

    def spans(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Start and end of each whole record, from the first on; comments, CDATA and PIs are looked at as such."""
        start: int | None = None
        for match in self._token.finditer(data):
            kind = match.lastgroup
            if kind == "open":
                return
            if kind == "start" and start is None:
                start = match.start()
            elif kind == "empty" and start is None:
                yield match.span()
            elif kind == "end" and start is not None:
                yield start, match.end()
                start = None

    def last_end(self, data: bytes) -> int:
        """The end of the last whole record, or 0: exact, and slower than `LastEnd`."""
        return max((stop for _, stop in self.spans(data)), default=0)

    def first_end(self, data: bytes) -> int:
        """The end of the first whole record, or 0."""
        return next((stop for _, stop in self.spans(data)), 0)

    def may_end(self, data: bytes, start: int, stop: int) -> bool:
        """Whether anything looks like a record's end tag; most often told faster than where one is."""
        return any(_in_end_tag(data, name, start, stop) for name in self._local_names)

    def starts(self, data: bytes) -> bool:
        """Whether there is the beginning of a record anywhere."""
        return self._start.search(data) is not None

    def end_before_start(self, data: bytes) -> int | None:
        """The end of the first end tag after which another record comes, with only elements around them between."""
        match = self._between.search(data)
        return None if match is None else match.start() + len(match[1])

    def ends(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Each end tag's end and the name in it, in whatever it may be hidden."""
        return ((match.end(), match[1]) for match in self._end.finditer(data))


class LastEnd:
    """Finds the last end of a record backwards from a limit, or the first one, with the tags that were found before."""

    def __init__(self, tags: RecordTags) -> None:
        self._tags = tags
        self._names: list[bytes] = []

    def find(self, data: bytes, start: int, stop: int) -> int:
        """The end of the last whole record in data[start:stop], where `start` is outside of any; 0 if there is none."""
        end = self._by_name(data, start, stop)
        if end and not _hides(data, start, end):
            return end
        if not end and not self._tags.may_end(data, start, stop):
            return 0
        window = data[start:stop]
        end = self._tags.last_end(window)
        self._remember(window)
        return start + end if end else 0

    def first(self, data: bytes) -> int:
        """The end of the first whole record, perhaps with small ones before it; 0 if there is none."""
        ends = [end for name in self._names if (end := _first_end_tag(data, name))]
        if ends and not _hides(data, 0, min(ends)):
            return min(ends)
        end = self._tags.first_end(data) if self._tags.may_end(data, 0, len(data)) else 0
        self._remember(data[:end])
        return end

    def _by_name(self, data: bytes, start: int, stop: int) -> int:
        best = 0
        for name in self._names:
            best = max(best, _last_end_tag(data, name, max(start, best), stop))
        return best

    def _remember(self, window: bytes) -> None:
        found = dict.fromkeys(name for _, name in self._tags.ends(window))
        self._names = [*reversed(found), *(name for name in self._names if name not in found)]


def _last_end_tag(data: bytes, name: bytes, start: int, stop: int) -> int:
    tag = b"</" + name
    position = data.rfind(tag, start, stop)
    while position >= 0:
        match = _CLOSE.match(data, position + len(tag), stop)
        if match is not None:
            return match.end()
        position = data.rfind(tag, start, position)
    return 0


def _first_end_tag(data: bytes, name: bytes) -> int:
    tag = b"</" + name
    position = data.find(tag)
    while position >= 0:
        match = _CLOSE.match(data, position + len(tag))
        if match is not None:
            return match.end()
        position = data.find(tag, position + 1)
    return 0


def _in_end_tag(data: bytes, name: bytes, start: int, stop: int) -> bool:
    position = data.find(name, start, stop)
    while position >= 0:
        opening = data.rfind(b"<", start, position)
        if opening >= 0 and data.startswith(b"/", opening + 1):
            return True
        position = data.find(name, position + 1, stop)
    return False


def _hides(data: bytes, start: int, stop: int) -> bool:
    """Whether `stop` may lie in a comment, CDATA or a PI, where `start` does not."""
    position = start
    # One byte is found many times faster than two, and these two are rare in text.
    for opening in merge(_preceded(data, b"!", start, stop), _preceded(data, b"?", start, stop)):
        if opening < position:
            continue
        begin, end = next((marks for marks in _HIDDEN if data.startswith(marks[0], opening)), (b"", b""))
        closing = data.find(end, opening + len(begin), stop)
        if not begin or closing < 0:
            return True
        position = closing + len(end)
    return False


def _preceded(data: bytes, mark: bytes, start: int, stop: int) -> Iterator[int]:
    """Where "<" stands before `mark`."""
    position = data.find(mark, start + 1, stop)
    while position >= 0:
        if data[position - 1] == _LESS_THAN:
            yield position - 1
        position = data.find(mark, position + 1, stop)
