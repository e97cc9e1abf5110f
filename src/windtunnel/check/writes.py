"""Files that DAG code writes outside /tmp, as far as their paths are written out."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from windtunnel.check.finding import Finding
from windtunnel.check.project import Project
from windtunnel.check.source import Source

ALLOWED = ("/tmp/", "/dev/", "/proc/self/")
# Function → which argument is the path that it makes; a keyword may give it too.
WRITERS = {
    "os.makedirs": (0, "name"),
    "os.mkdir": (0, "path"),
    "shutil.copy": (1, "dst"),
    "shutil.copy2": (1, "dst"),
    "shutil.copyfile": (1, "dst"),
    "shutil.copytree": (1, "dst"),
    "shutil.move": (1, "dst"),
    "urllib.request.urlretrieve": (1, "filename"),
}
# A method of boto3's S3 client and of Airflow's S3Hook: the third argument, under either name.
DOWNLOAD = "download_file"
DOWNLOAD_TO = ("Filename", "local_path")
PATH_WRITES = ("write_text", "write_bytes", "mkdir", "touch")
PATH_CLASSES = {f"pathlib.{name}" for name in ("Path", "PosixPath", "PurePath", "PurePosixPath")}
SAME_PLACE = {*(f"os.path.{name}" for name in ("abspath", "dirname", "normpath", "realpath")), "os.fspath"}


@dataclass(frozen=True)
class Place:
    """Where a path begins: `beside` its module, or at `start`, which may be relative."""

    start: str
    beside: bool = False

    def below(self, more: str) -> "Place":
        """The path joined to another: an absolute one takes its place."""
        return Place(more) if more.startswith("/") else Place(f"{self.start}/{more}", self.beside)

    @property
    def is_allowed(self) -> bool:
        """Whether MWAA lets it be written for certain, or it is no local path."""
        return not self.beside and ("://" in self.start or f"{self.start}/".startswith(ALLOWED))

    def __str__(self) -> str:
        inside = PurePosixPath(self.start.lstrip("/")) if self.beside else PurePosixPath(self.start)
        return f"{inside} beside the module" if self.beside else str(inside)


def writes(project: Project) -> Iterator[Finding]:
    """Each write whose path is known and is not below /tmp."""
    for source in project.dags:
        on_import = {step.node for step in source.steps}
        for node in source.nodes:
            if isinstance(node, ast.Call) and node not in source.run_elsewhere:
                place = _written(source, node)
                if place and not place.is_allowed and not _of_main(source, node):
                    yield _finding(source, node, place, node in on_import)


def _finding(source: Source, call: ast.Call, place: Place, on_import: bool) -> Finding:
    name = ast.unparse(call.func)
    if place.beside and on_import and _is_download(source, call):
        return Finding(source.name, call.lineno, "settings-beside-module", f"{name}() writes {place} on import")
    message = f"{name}() writes {place}: expected a path below /tmp"
    return Finding(source.name, call.lineno, "write-outside-tmp", message)


def _is_download(source: Source, call: ast.Call) -> bool:
    is_method = isinstance(call.func, ast.Attribute) and call.func.attr == DOWNLOAD
    return is_method or source.origin(call.func) == "urllib.request.urlretrieve"


def _of_main(source: Source, node: ast.AST) -> bool:
    """Whether it stands below `if __name__ == "__main__"`."""
    for one in source.tree.body:
        match one:
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
                if one.lineno <= getattr(node, "lineno", 0) <= (one.end_lineno or 0):
                    return True
    return False


def _written(source: Source, call: ast.Call) -> Place | None:
    """The path that a call writes to, None when it writes none or the path is not known."""
    if isinstance(call.func, ast.Name) and call.func.id == "open" and "open" not in source.origins:
        return place_of(source, _argument(call, 0, "file")) if _writes(call, 1) else None
    origin = source.origin(call.func)
    if origin in WRITERS:
        position, name = WRITERS[origin]
        return place_of(source, _argument(call, position, name))
    if isinstance(call.func, ast.Attribute) and not origin:
        return _by_method(source, call, call.func)
    return None


def _by_method(source: Source, call: ast.Call, method: ast.Attribute) -> Place | None:
    if method.attr == DOWNLOAD:
        return place_of(source, next((it for name in DOWNLOAD_TO if (it := _argument(call, 2, name))), None))
    if not _is_path(source, method.value):
        return None
    if method.attr in PATH_WRITES or (method.attr == "open" and _writes(call, 0)):
        return place_of(source, method.value)
    return None


def _argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    named = [keyword.value for keyword in call.keywords if keyword.arg == name]
    return named[0] if named else call.args[position] if position < len(call.args) else None


def _writes(call: ast.Call, position: int) -> bool:
    mode = _argument(call, position, "mode")
    return isinstance(mode, ast.Constant) and isinstance(mode.value, str) and bool(set(mode.value) & set("wax+"))


def _is_path(source: Source, node: ast.expr) -> bool:
    """Whether the expression is a pathlib.Path for certain."""
    found = source.resolved(node)
    if isinstance(found, ast.BinOp) and isinstance(found.op, ast.Div):
        return _is_path(source, found.left)
    if isinstance(found, ast.Call):
        is_made = source.origin(found.func) in PATH_CLASSES
        return is_made or (isinstance(found.func, ast.Attribute) and _is_path(source, found.func.value))
    return isinstance(found, ast.Attribute) and found.attr == "parent" and _is_path(source, found.value)


def place_of(source: Source, node: ast.expr | None) -> Place | None:
    """Where the path that an expression gives begins, None when that is not known."""
    node = source.resolved(node)
    match node:
        case ast.Constant(value=str(text)):
            return Place(text)
        case ast.Name(id="__file__"):
            return Place("", beside=True)
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return _begun(text)
        case ast.JoinedStr(values=[ast.FormattedValue(value=first), *_]):
            return place_of(source, first)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _joined(source, [left, right])
        case ast.BinOp(left=left, op=ast.Add()):
            begun = place_of(source, left)
            return begun if begun is None or begun.beside else _begun(begun.start)
        case ast.Attribute(value=inner, attr="parent"):
            return place_of(source, inner)
        case ast.Subscript(value=ast.Attribute(value=inner, attr="parents")):
            return place_of(source, inner)
        case ast.Call():
            return _called(source, node)
    return None


def _begun(text: str) -> Place | None:
    """The place of a path whose beginning is known, None when it could still lead to /tmp or to a bucket."""
    could_be = any(allowed.startswith(text) for allowed in (*ALLOWED, "s3://", "http://"))
    return None if could_be else Place(text)


def _called(source: Source, call: ast.Call) -> Place | None:
    origin = source.origin(call.func)
    if origin in PATH_CLASSES or origin == "os.path.join":
        return _joined(source, call.args)
    if origin in ("inspect.getfile", "inspect.getsourcefile"):
        return Place("", beside=True) if "currentframe" in ast.unparse(call) else None
    if origin in SAME_PLACE or _is_name(call.func, "str"):
        return place_of(source, call.args[0]) if call.args else None
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("resolve", "absolute", "joinpath", "as_posix"):
        return _joined(source, [call.func.value, *call.args])
    return None


def _joined(source: Source, parts: list[ast.expr]) -> Place | None:
    place = place_of(source, parts[0]) if parts else None
    for part in parts[1:]:
        more = place_of(source, part)
        if place is None or more is None:
            return place
        place = place.below(more.start) if not more.beside else more
    return place


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
