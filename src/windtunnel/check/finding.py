"""One fault that `check` has found."""

from dataclasses import asdict, dataclass
from typing import Any

from windtunnel.check.rules import RULES, Severity


@dataclass(frozen=True, order=True)
class Finding:
    """Where (`file` relative to the project, `line` from 1, 0 for all of it), which `rule`, what was found.

    `do` says what to do about this one, where more is known than the rule says.
    """

    file: str
    line: int
    rule: str
    message: str
    do: str = ""

    @property
    def severity(self) -> Severity:
        """The rule's severity."""
        return RULES[self.rule].severity

    @property
    def advice(self) -> str:
        """What to do about it."""
        return self.do or RULES[self.rule].do

    @property
    def place(self) -> str:
        """File and line, as editors understand them."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def as_json(self) -> dict[str, Any]:
        """The contract of `check --json`."""
        return asdict(self) | {"severity": self.severity, "mwaa": RULES[self.rule].mwaa, "do": self.advice}
