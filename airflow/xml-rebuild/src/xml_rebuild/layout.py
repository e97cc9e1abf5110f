"""How one transformation's output is laid out: what the stylesheet writes and the extractor reads.

A line of the output ends with CR, which is no part of any text then, no more than QUOTE is. For every record come its
keys as one line and then the lines of each of its tables; after each of these, and at the very end, a line SECTION.
What is neither a record nor may stand beside one is named in the last section.
"""

from xml_rebuild.mapping import Column
from xml_rebuild.transforms import NUMBERS
from xml_rebuild.xpath import is_count

#: What every text cell stands between; the QUOTE of the COPY that takes the text.
QUOTE = "\x7f"
END = "\r"
SECTION = "!" + END


def is_bare(column: Column) -> bool:
    """Whether a cell needs neither marks nor a check: its expression can only give what its type allows."""
    if column.required or column.default is not None:
        return False
    if column.type == "boolean" and column.transform is None:
        return True
    return column.type in ("integer", "bigint", "numeric") and (column.transform in NUMBERS or is_count(column.path))


def is_checked(column: Column) -> bool:
    """Whether the cell's text must be looked at."""
    return not is_bare(column) and (column.required or column.type not in ("text", "text[]"))


def has_marks(column: Column) -> bool:
    """Whether there may be EDGE or KEEP in the cell."""
    return column.type == "text[]" or column.transform == "join" or not column.strip
