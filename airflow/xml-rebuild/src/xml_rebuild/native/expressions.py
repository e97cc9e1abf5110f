"""XPath 1.0 → code: the part of it that mappings are written in, with the type of every expression known."""

import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from xml_rebuild.native.words import FIRST_SPACE, XML, XML_SPACE, Axis, Operation, Relation, Test

_TOKEN = re.compile(
    r"""(?P<literal>"[^"]*"|'[^']*')|(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)|(?P<variable>\$position[0-9]+)|"""
    r"""(?P<mark>\.\.|::|//|!=|<=|>=|[()\[\].@,/|+=<>*-])|"""
    r"""(?P<name>[^\W\d][\w.-]*(?::(?:[^\W\d][\w.-]*|\*))?)|(?P<space>[ \t\r\n]+)|(?P<other>.)""",
    re.DOTALL,
)
_BEFORE_OPERAND = {"", "@", "::", "(", "[", ",", "and", "or", "mod", "div", "*", "/", "//", "|", "+", "-", "="}
_BEFORE_OPERAND |= {"!=", "<", "<=", ">", ">="}
_AXES = {
    "child": Axis.CHILD,
    "attribute": Axis.ATTRIBUTE,
    "self": Axis.SELF,
    "parent": Axis.PARENT,
    "descendant": Axis.DESCENDANT,
    "descendant-or-self": Axis.DESCENDANT_OR_SELF,
}
_RELATIONS = {
    "=": Relation.EQUAL,
    "!=": Relation.UNEQUAL,
    "<": Relation.LESS,
    "<=": Relation.LESS_EQUAL,
    ">": Relation.GREATER,
    ">=": Relation.GREATER_EQUAL,
}
_FLIPPED = {
    Relation.LESS: Relation.GREATER,
    Relation.LESS_EQUAL: Relation.GREATER_EQUAL,
    Relation.GREATER: Relation.LESS,
    Relation.GREATER_EQUAL: Relation.LESS_EQUAL,
}
_NODE_TYPES = {"text", "node", "comment", "processing-instruction"}
_DEEPEST = 40
_MOST_ARGUMENTS = 60
_LONGEST_NUMBER = 15
_LONGEST = 4000


class Unsupported(Exception):
    """An expression that only the XSLT engine evaluates, and what in it is the reason."""


class Type(Enum):
    """The types of XPath 1.0."""

    NODES = auto()
    TEXT = auto()
    NUMBER = auto()
    TRUTH = auto()


@dataclass(frozen=True, slots=True)
class Value:
    """An expression's code, by its place; `positional` if it asks for its context's position or size."""

    type: Type
    at: int
    positional: bool = False


@dataclass(slots=True)
class Code:
    """Code as it is written, with the strings, numbers and names that it speaks of."""

    words: list[int]
    literals: dict[bytes, int] = field(default_factory=dict)
    locals: dict[str, int] = field(default_factory=dict)
    spaces: dict[str, int] = field(default_factory=lambda: {"": 0, XML: XML_SPACE})
    numbers: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, *words: int) -> int:
        """Write words; where they begin."""
        self.words += words
        return len(self.words) - len(words)

    def literal(self, text: str) -> int:
        """The number of a string."""
        return self.literals.setdefault(text.encode(), len(self.literals))

    def number(self, value: float) -> int:
        """The number of a number."""
        self.numbers.append(value)
        return len(self.numbers) - 1

    def space(self, uri: str) -> int:
        """The number of a namespace."""
        return self.spaces.setdefault(uri, len(self.spaces) - 2 + FIRST_SPACE)

    def key(self, uri: str, local: str) -> int:
        """What a node of this name is known by."""
        return self.space(uri) << 16 | self.locals.setdefault(local, len(self.locals) + 1)


@dataclass(frozen=True, slots=True)
class _Step:
    axis: Axis
    test: Test
    key: int = 0
    predicates: tuple[Value, ...] = ()

    @property
    def positional(self) -> bool:
        return any(predicate.positional for predicate in self.predicates)


_ANYWHERE = _Step(Axis.DESCENDANT_OR_SELF, Test.ANYTHING)
_HERE = _Step(Axis.SELF, Test.ANYTHING)


def compiled(text: str, code: Code, namespaces: dict[str, str]) -> Value:
    """The expression, added to `code`; raises Unsupported."""
    if len(text) > _LONGEST:
        raise Unsupported(f"{text[:60]!r}…: so long a text")
    try:
        return _Parser(text, code, namespaces).expression()
    except Unsupported as error:
        raise Unsupported(f"{text!r}: {error}") from None


def as_text(value: Value, code: Code) -> Value:
    """XPath's string()."""
    if value.type is Type.TEXT:
        return value
    of = {Type.NODES: Operation.FIRST_TEXT, Type.NUMBER: Operation.NUMBER_TEXT, Type.TRUTH: Operation.TRUTH_TEXT}
    return Value(Type.TEXT, code.add(of[value.type], value.at), value.positional)


def as_number(value: Value, code: Code) -> Value:
    """XPath's number()."""
    if value.type is Type.NUMBER:
        return value
    if value.type is Type.TRUTH:
        return Value(Type.NUMBER, code.add(Operation.TRUTH_NUMBER, value.at), value.positional)
    return Value(Type.NUMBER, code.add(Operation.TEXT_NUMBER, as_text(value, code).at), value.positional)


def as_truth(value: Value, code: Code) -> Value:
    """XPath's boolean()."""
    if value.type is Type.TRUTH:
        return value
    of = {Type.NODES: Operation.ANY_NODE, Type.TEXT: Operation.ANY_TEXT, Type.NUMBER: Operation.NOT_ZERO}
    return Value(Type.TRUTH, code.add(of[value.type], value.at), value.positional)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    before = ""
    for match in _TOKEN.finditer(text):
        kind, token = str(match.lastgroup), match[0]
        if kind == "space":
            continue
        if kind == "other":
            raise Unsupported(token)
        # After an operand, a name or a star can only be an operator.
        if kind in ("name", "mark") and before not in _BEFORE_OPERAND and (kind == "name" or token == "*"):
            kind = "operator"
        # A name that is written like an operator, and a star that is none, are operands to what follows.
        before = token if kind == "operator" or (kind == "mark" and token != "*") else "operand"
        yield kind, token
    yield "end", ""


class _Parser:
    """Reads one expression and writes its code, the inner before the outer."""

    def __init__(self, text: str, code: Code, namespaces: dict[str, str]) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0
        self._code = code
        self._namespaces = {**namespaces, "xml": XML}

    def expression(self) -> Value:
        """The whole of it."""
        value = self._or()
        if self._kind != "end":
            raise Unsupported(self._token)
        return value

    @property
    def _kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def _token(self) -> str:
        return self._tokens[self._at][1]

    def _next(self) -> tuple[str, str]:
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    def _take(self) -> str:
        token = self._token
        self._at += self._kind != "end"
        return token

    def _is(self, token: str) -> bool:
        return self._kind in ("mark", "operator") and self._token == token

    def _skip(self, token: str) -> bool:
        found = self._is(token)
        self._at += found
        return found

    def _expect(self, token: str) -> None:
        if not self._skip(token):
            raise Unsupported(self._token or "its end")

    def _add(self, type_: Type, operation: Operation, *words: int, of: tuple[Value, ...] = ()) -> Value:
        return Value(type_, self._code.add(operation, *words), any(value.positional for value in of))

    # Operators, from the weakest on.

    def _or(self) -> Value:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Unsupported("too many brackets")
        value = self._joined("or", Operation.OR, lambda: self._joined("and", Operation.AND, self._equality))
        self._depth -= 1
        return value

    def _joined(self, token: str, operation: Operation, operand: Callable[[], Value]) -> Value:
        value = operand()
        while self._skip(token):
            left, right = as_truth(value, self._code), as_truth(operand(), self._code)
            value = self._add(Type.TRUTH, operation, left.at, right.at, of=(left, right))
        return value

    def _equality(self) -> Value:
        return self._compared(("=", "!="), self._relational)

    def _relational(self) -> Value:
        return self._compared(("<", "<=", ">", ">="), self._additive)

    def _compared(self, tokens: tuple[str, ...], operand: Callable[[], Value]) -> Value:
        value = operand()
        while self._kind == "mark" and self._token in tokens:
            relation = _RELATIONS[self._take()]
            value = self._comparison(relation, value, operand())
        return value

    def _comparison(self, relation: Relation, left: Value, right: Value) -> Value:
        types = {left.type, right.type}
        if right.type is Type.NODES and left.type is not Type.NODES:
            left, right, relation = right, left, _FLIPPED.get(relation, relation)
        is_equality = relation in (Relation.EQUAL, Relation.UNEQUAL)
        if Type.TRUTH in types and Type.NODES in types and not is_equality:
            raise Unsupported("a comparison of nodes with true or false")
        if Type.TRUTH in types and is_equality:
            left, right = as_truth(left, self._code), as_truth(right, self._code)
        elif left.type is Type.NODES:
            return self._compared_nodes(relation, left, right)
        if types == {Type.TEXT} and is_equality:
            return self._add(Type.TRUTH, Operation.COMPARE_TEXTS, relation, left.at, right.at, of=(left, right))
        left, right = as_number(left, self._code), as_number(right, self._code)
        return self._add(Type.TRUTH, Operation.COMPARE_NUMBERS, relation, left.at, right.at, of=(left, right))

    def _compared_nodes(self, relation: Relation, left: Value, right: Value) -> Value:
        operation = Operation.COMPARE_NODES
        if right.type is Type.TEXT and relation in (Relation.EQUAL, Relation.UNEQUAL):
            operation = Operation.COMPARE_NODES_TEXT
        elif right.type is not Type.NODES:
            operation, right = Operation.COMPARE_NODES_NUMBER, as_number(right, self._code)
        return self._add(Type.TRUTH, operation, relation, left.at, right.at, of=(left, right))

    def _additive(self) -> Value:
        value = self._multiplicative()
        while self._is("+") or self._is("-"):
            operation = Operation.ADD if self._take() == "+" else Operation.SUBTRACT
            value = self._computed(operation, value, self._multiplicative())
        return value

    def _multiplicative(self) -> Value:
        value = self._unary()
        while self._kind == "operator" and self._token == "*":
            self._take()
            value = self._computed(Operation.MULTIPLY, value, self._unary())
        return value

    def _computed(self, operation: Operation, left: Value, right: Value) -> Value:
        left, right = as_number(left, self._code), as_number(right, self._code)
        return self._add(Type.NUMBER, operation, left.at, right.at, of=(left, right))

    def _unary(self) -> Value:
        negative = 0
        while self._skip("-"):
            negative += 1
        value = self._union()
        for _ in range(negative):
            number = as_number(value, self._code)
            value = self._add(Type.NUMBER, Operation.NEGATE, number.at, of=(number,))
        return value

    def _union(self) -> Value:
        values = [self._path()]
        while self._skip("|"):
            values.append(self._path())
        if len(values) == 1:
            return values[0]
        if any(value.type is not Type.NODES for value in values):
            raise Unsupported("|")
        places = [value.at for value in values]
        return self._add(Type.NODES, Operation.UNION, len(places), *places, of=tuple(values))

    # Paths.

    def _path(self) -> Value:
        if not self._begins_primary():
            return self._written(None, self._steps())
        value = self._filtered(self._primary())
        if not (self._is("/") or self._is("//")):
            return value
        if value.type is not Type.NODES:
            raise Unsupported(self._token)
        steps = [_ANYWHERE] if self._take() == "//" else []
        return self._written(value, [*steps, *self._steps()])

    def _begins_primary(self) -> bool:
        if self._kind in ("literal", "number", "variable") or self._is("("):
            return True
        return self._kind == "name" and self._next() == ("mark", "(") and self._token not in _NODE_TYPES

    def _filtered(self, value: Value) -> Value:
        predicates = self._predicates()
        if not predicates:
            return value
        if value.type is not Type.NODES:
            raise Unsupported("[")
        places = [predicate.at for predicate in predicates]
        return self._add(Type.NODES, Operation.FILTER, value.at, len(places), *places, of=(value,))

    def _steps(self) -> list[_Step]:
        steps = [self._step()]
        while self._is("/") or self._is("//"):
            if self._take() == "//":
                steps.append(_ANYWHERE)
            steps.append(self._step())
        return steps

    def _step(self) -> _Step:
        if self._skip("."):
            return _HERE
        if self._skip(".."):
            return _Step(Axis.PARENT, Test.ANYTHING)
        axis = self._axis()
        test, key = self._test(axis)
        return _Step(axis, test, key, self._predicates())

    def _axis(self) -> Axis:
        if self._skip("@"):
            return Axis.ATTRIBUTE
        if self._next() != ("mark", "::"):
            return Axis.CHILD
        name = self._take()
        self._expect("::")
        if name not in _AXES:
            raise Unsupported(f"{name}::")
        return _AXES[name]

    def _test(self, axis: Axis) -> tuple[Test, int]:
        kind, name = self._kind, self._take()
        if (kind, name) == ("mark", "*"):
            return Test.ANY_NAME, 0
        if kind != "name":
            raise Unsupported(name or "its end")
        if self._is("("):
            return self._node_type(name, axis), 0
        prefix, _, local = name.rpartition(":")
        if prefix and prefix not in self._namespaces:
            raise Unsupported(f"{prefix}:")
        uri = self._namespaces[prefix] if prefix else ""
        return (Test.IN_SPACE, self._code.space(uri)) if local == "*" else (Test.NAMED, self._code.key(uri, local))

    def _node_type(self, name: str, axis: Axis) -> Test:
        self._expect("(")
        self._expect(")")
        if name == "text":
            return Test.IS_TEXT
        # Comments are no nodes of the tree.
        if name == "node" and axis in (Axis.SELF, Axis.PARENT):
            return Test.ANYTHING
        raise Unsupported(f"{name}()")

    def _predicates(self) -> tuple[Value, ...]:
        found = []
        while self._skip("["):
            value = self._or()
            self._expect("]")
            if value.type is Type.NUMBER:
                here = self._code.add(Operation.POSITION)
                place = self._code.add(Operation.COMPARE_NUMBERS, Relation.EQUAL, here, value.at)
                value = Value(Type.TRUTH, place, positional=True)
            found.append(as_truth(value, self._code))
        return tuple(found)

    def _written(self, base: Value | None, steps: list[_Step]) -> Value:
        steps = list(_without_detours(steps))
        words = [int(base is None and _is_direct(steps)), -1 if base is None else base.at, len(steps)]
        for step in steps:
            words += [step.axis, step.test, step.key, len(step.predicates)]
            words += [predicate.at for predicate in step.predicates]
        return self._add(Type.NODES, Operation.PATH, *words, of=() if base is None else (base,))

    # What has no steps.

    def _primary(self) -> Value:
        kind, token = self._kind, self._take()
        if kind == "literal":
            return self._add(Type.TEXT, Operation.LITERAL, self._code.literal(token[1:-1]))
        if kind == "number":
            return self._add(Type.NUMBER, Operation.NUMBER, self._code.number(_number(token)))
        if kind == "variable":
            return self._add(Type.NUMBER, Operation.OUTER_POSITION, int(token.removeprefix("$position")))
        if kind == "mark":
            value = self._or()
            self._expect(")")
            return value
        return self._call(token)

    def _call(self, name: str) -> Value:
        self._expect("(")
        arguments: list[Value] = []
        while not self._is(")"):
            arguments.append(self._or())
            if not self._is(")"):
                self._expect(",")
        self._expect(")")
        if name not in _FUNCTIONS or len(arguments) > _MOST_ARGUMENTS:
            raise Unsupported(f"{name}()")
        least, most, call = _FUNCTIONS[name]
        if not least <= len(arguments) <= most:
            raise Unsupported(f"{name}() of {len(arguments)}")
        return call(self, arguments)

    # Functions; `here` is what those without an argument are of.

    def _here(self, arguments: list[Value]) -> Value:
        return arguments[0] if arguments else self._written(None, [_HERE])

    def _texts(self, operation: Operation, type_: Type, arguments: list[Value]) -> Value:
        texts = [as_text(argument, self._code) for argument in arguments]
        return self._add(type_, operation, *(text.at for text in texts), of=tuple(texts))

    def _concat(self, arguments: list[Value]) -> Value:
        texts = [as_text(argument, self._code) for argument in arguments]
        return self._add(Type.TEXT, Operation.CONCAT, len(texts), *(text.at for text in texts), of=tuple(texts))

    def _substring(self, arguments: list[Value]) -> Value:
        text = as_text(arguments[0], self._code)
        numbers = [as_number(argument, self._code) for argument in arguments[1:]]
        places = [*(number.at for number in numbers), -1][:2]
        return self._add(Type.TEXT, Operation.SUBSTRING, text.at, *places, of=(text, *numbers))

    def _of_nodes(self, operation: Operation, type_: Type, arguments: list[Value]) -> Value:
        value = self._here(arguments)
        if value.type is not Type.NODES:
            raise Unsupported("a function of nodes that is given none")
        return self._add(type_, operation, value.at, of=(value,))

    def _not(self, arguments: list[Value]) -> Value:
        value = as_truth(arguments[0], self._code)
        return self._add(Type.TRUTH, Operation.NOT, value.at, of=(value,))

    def _context(self, operation: Operation) -> Value:
        return Value(Type.NUMBER, self._code.add(operation), positional=True)


def _number(text: str) -> float:
    whole, _, part = text.partition(".")
    if max(len(whole), len(part)) > _LONGEST_NUMBER:
        raise Unsupported(text)
    # As libxml2 adds it up, to the last bit.
    return int(whole or "0") + (int(part) / 10 ** len(part) if part else 0.0)


def _without_detours(steps: list[_Step]) -> Iterator[_Step]:
    """`a//b` as a step to the descendants, unless `b` is counted."""
    waiting: _Step | None = None
    for step in steps:
        # A comment is found by `//`, and is no node of the tree: what is asked of it cannot be told.
        if waiting is not None and (step.test is Test.ANYTHING or step.axis is Axis.PARENT):
            raise Unsupported("// before . or ..")
        if waiting is not None and step.axis is Axis.CHILD and not step.positional:
            step, waiting = _Step(Axis.DESCENDANT, step.test, step.key, step.predicates), None
        if waiting is not None:
            yield waiting
        waiting = step if step is _ANYWHERE else None
        if waiting is None:
            yield step


def _is_direct(steps: list[_Step]) -> bool:
    """Whether going depth first finds the nodes in the document's order, each once."""
    level = (Axis.ATTRIBUTE, Axis.SELF)
    down = [number for number, step in enumerate(steps) if step.axis not in (*level, Axis.CHILD)]
    if any(step.positional or step.axis is Axis.PARENT for step in steps):
        return False
    return not down or all(step.axis in level for step in steps[down[0] + 1 :])


_Call = Callable[[_Parser, list[Value]], Value]


def _texts(operation: Operation, type_: Type) -> _Call:
    return lambda parser, arguments: parser._texts(operation, type_, arguments)


def _of_here(operation: Operation, type_: Type) -> _Call:
    return lambda parser, arguments: parser._texts(operation, type_, [parser._here(arguments)])


def _constant(value: bool) -> _Call:
    return lambda parser, _: parser._add(Type.TRUTH, Operation.CONSTANT, value)


_FUNCTIONS: dict[str, tuple[int, int, _Call]] = {
    "string": (0, 1, lambda parser, arguments: as_text(parser._here(arguments), parser._code)),
    "number": (0, 1, lambda parser, arguments: as_number(parser._here(arguments), parser._code)),
    "boolean": (1, 1, lambda parser, arguments: as_truth(arguments[0], parser._code)),
    "not": (1, 1, _Parser._not),
    "true": (0, 0, _constant(True)),
    "false": (0, 0, _constant(False)),
    "position": (0, 0, lambda parser, _: parser._context(Operation.POSITION)),
    "last": (0, 0, lambda parser, _: parser._context(Operation.LAST)),
    "count": (1, 1, lambda parser, arguments: parser._of_nodes(Operation.COUNT, Type.NUMBER, arguments)),
    "local-name": (0, 1, lambda parser, arguments: parser._of_nodes(Operation.LOCAL_NAME, Type.TEXT, arguments)),
    "concat": (2, _MOST_ARGUMENTS, _Parser._concat),
    "contains": (2, 2, _texts(Operation.CONTAINS, Type.TRUTH)),
    "starts-with": (2, 2, _texts(Operation.STARTS, Type.TRUTH)),
    "substring-before": (2, 2, _texts(Operation.BEFORE, Type.TEXT)),
    "substring-after": (2, 2, _texts(Operation.AFTER, Type.TEXT)),
    "substring": (2, 3, _Parser._substring),
    "translate": (3, 3, _texts(Operation.TRANSLATED, Type.TEXT)),
    "normalize-space": (0, 1, _of_here(Operation.NORMALIZED, Type.TEXT)),
    "string-length": (0, 1, _of_here(Operation.LENGTH, Type.NUMBER)),
}
