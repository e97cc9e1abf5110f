"""Random mappings in the part of XPath that the C engine knows, and random documents that they find something in."""

import random
from xml.sax.saxutils import quoteattr

from small_mappings import mapping_of

from xml_rebuild.mapping import Mapping

_NAMES = ("a", "b", "c", "p:a", "Year")
_TEXTS = (
    "",
    " ",
    "x",
    "X y",
    "7",
    "-3",
    "12.5",
    "2024",
    "May 2023",
    "2024-02-28",
    "20240229",
    "y",
    "No",
    "0000-0002-1825-009X",
    "https://orcid.org/0000000218250097",
    "é漢\u00a0",
    "\u2003ß \n z",
    'q"\\',
    "Dec",
    "03",
    "true",
)
_LITERALS = ("''", "'x'", "'7'", "' '", "'é'", "'yY'", '"2024"', "'.'")
_TYPES = ("text", "text", "text", "integer", "bigint", "numeric", "date", "boolean", "text[]")
_STEPS = (
    *("*", "p:*", "@x", "@p:y", "@*", ".", "..", "text()", "self::a", "self::*"),
    *("descendant::b", "descendant-or-self::*", "parent::a", "child::c"),
)
_SEPARATORS = ("; ", " ", "")
_INVALID = ("reject", "'null'", "'null'")
_TRANSFORMS = ("date", "year", "month", "day", "boolean", "orcid", "join", "lower", "upper")


class Expressions:
    """Writes expressions of a wanted type, at random."""

    def __init__(self, chosen: random.Random) -> None:
        self._random = chosen

    def nodes(self, depth: int = 2) -> str:
        """A path or a union of paths."""
        made = self._random.random()
        if depth and made < 0.12:
            return f"{self.nodes(depth - 1)} | {self.nodes(depth - 1)}"
        if depth and made < 0.22:
            return f"({self.nodes(depth - 1)}){self._predicate(depth)}"
        if depth and made < 0.3:
            return f"({self.nodes(depth - 1)})/{self._step(depth)}"
        steps = [self._step(depth) for _ in range(self._random.choice([1, 1, 2, 3]))]
        path = steps[0]
        for step in steps[1:]:
            path += ("//" if self._random.random() < 0.15 and not step.startswith((".", "self")) else "/") + step
        return path

    def _step(self, depth: int) -> str:
        step = self._random.choice([*_NAMES, *_NAMES, *_STEPS])
        filtered = depth and not step.startswith(".") and self._random.random() < 0.3
        return step + self._predicate(depth) if filtered else step

    def _predicate(self, depth: int) -> str:
        numbered = self._random.choice(["1", "2", "last()", "position() < 3", "last() - 1"])
        return f"[{numbered if self._random.random() < 0.4 else self.truth(depth - 1)}]"

    def text(self, depth: int = 2) -> str:
        """A text."""
        if not depth:
            return self._random.choice(_LITERALS)
        one, other = (self._random.choice([self.any, self.text])(depth - 1) for _ in range(2))
        return self._random.choice(
            [
                f"string({one})",
                f"concat({one}, {other}, '-')",
                f"normalize-space({one})",
                f"translate({one}, 'xyé2', 'éX')",
                f"substring({one}, {self._random.randrange(-1, 4)}, {self._random.randrange(4)})",
                f"substring({one}, 2)",
                f"substring-before({one}, {other})",
                f"substring-after({one}, {other})",
                f"local-name({self.nodes(depth - 1)})",
                "local-name()",
            ]
        )

    def number(self, depth: int = 2) -> str:
        """A number."""
        if not depth:
            return self._random.choice(["0", "1", "2.5", "2024", "position()"])
        return self._random.choice(
            [
                f"count({self.nodes(depth - 1)})",
                f"string-length({self.any(depth - 1)})",
                f"number({self.any(depth - 1)})",
                f"{self.number(depth - 1)} + {self.number(depth - 1)}",
                f"{self.number(depth - 1)} * 2 - {self.number(depth - 1)}",
                f"-({self.number(depth - 1)})",
                "last()",
            ]
        )

    def truth(self, depth: int = 2) -> str:
        """True or false."""
        if depth <= 0:
            return self._random.choice(["@x", "a", "true()", "false()", "not(b)", ". != ''", "position() = 1"])
        relation = self._random.choice(["=", "!=", "<", "<=", ">", ">="])
        return self._random.choice(
            [
                f"{self._operand(depth)} {relation} {self._operand(depth)}",
                f"{self.truth(depth - 1)} {self._random.choice(['and', 'or'])} {self.truth(depth - 1)}",
                f"not({self.truth(depth - 1)})",
                f"contains({self.any(depth - 1)}, {self.text(depth - 1)})",
                f"starts-with({self.any(depth - 1)}, {self.text(depth - 1)})",
                f"boolean({self.any(depth - 1)})",
            ]
        )

    def _operand(self, depth: int) -> str:
        made = self._random.choice([self.nodes, self.nodes, self.text, self.number])(depth - 1)
        return f"({made})" if " " in made and not made.endswith(")") else made

    def any(self, depth: int = 2) -> str:
        """Of any type."""
        write = self._random.choice([self.nodes, self.nodes, self.nodes, self.text, self.number, self.truth])
        return write(depth)


def random_mapping(seed: int) -> Mapping:
    """A mapping of `rec` below `root`, with tables of all depths."""
    chosen = random.Random(seed)
    made = Expressions(chosen)

    def column(name: str) -> str:
        path, type_, more = made.any(), chosen.choice(_TYPES), ""
        if chosen.random() < 0.4:
            transform = chosen.choice(_TRANSFORMS)
            more += f", transform: {transform}"
            if transform == "join":
                more += f", separator: {chosen.choice(_SEPARATORS)!r}"
                more += f", label: {_quoted(made.any(1))}" if chosen.random() < 0.5 else ""
        if type_ == "text[]" or "join" in more:
            path = made.nodes()
        for option, share in (("default: ' 1'", 0.15), ("required: true", 0.1), ("strip: false", 0.15)):
            more += f", {option}" if chosen.random() < share else ""
        more += f", invalid: {chosen.choice(_INVALID)}"
        return f"      {name}: {{path: {_quoted(path)}, type: {type_!r}{more}}}\n"

    def table(name: str, rows: list[str]) -> str:
        head = f"  {name}:\n    rows: [{', '.join(map(_quoted, rows))}]\n"
        when = f"    when: {_quoted(made.truth())}\n" if chosen.random() < 0.3 else ""
        levels = "".join(
            f"      l{level}: {{path: position({level}), type: integer}}\n" for level in range(1, len(rows) + 1)
        )
        return f"{head}{when}    primary_key: [u]\n    columns:\n{levels}{''.join(map(column, 'uvw'))}"

    tables = table("flat", []) + table("one", [made.nodes()]) + table("two", [made.nodes(), made.nodes(1)])
    return mapping_of(
        "name: random\nroot: root\nignore: [skip]\nnamespaces: {p: 'http://p/x'}\nrecords:\n"
        "  rec: {key: {id: {path: '@id'}}, tables: [flat, one, two]}\n"
        f"  'p:rec': {{tables: [other]}}\ntables:\n{tables}{table('other', [])}"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def random_records(seed: int) -> str:
    """What stands within the root: records of both kinds, comments, white space, ignored elements."""
    chosen = random.Random(seed)

    def text() -> str:
        found = chosen.choice(_TEXTS)
        if found and chosen.random() < 0.1:
            return f"<![CDATA[{found}]]>"
        return found.replace("&", "&amp;").replace('"', chosen.choice(['"', "&quot;", "&#34;"]))

    def attributes() -> str:
        names = [name for name in ("x", "p:y", "z") if chosen.random() < 0.3]
        return "".join(f" {name}={quoteattr(chosen.choice(_TEXTS))}" for name in names)

    def element(depth: int) -> str:
        name = chosen.choice([*_NAMES, "Month", "Day", "q"])
        inner = "".join(
            element(depth - 1)
            if depth and chosen.random() < 0.6
            else text() + chosen.choice(["", "", "<!-- c -->", "<?pi x?>"])
            for _ in range(chosen.randrange(4))
        )
        return f"<{name}{attributes()}>{inner}</{name}>" if inner else f"<{name}{attributes()}/>"

    def record(number: int) -> str:
        tag = chosen.choice(["rec", "rec", "p:rec"])
        return f'<{tag} id="{number}">{"".join(element(3) for _ in range(chosen.randrange(6)))}</{tag}>'

    between = ("", "\n", "<!-- <rec> -->", "<?pi?>", "<skip><a/>text</skip>")
    return "".join(record(number) + chosen.choice(between) for number in range(12))
