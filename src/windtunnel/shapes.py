"""Which overlays of the compose file an environment has: by which components share a container, and by its settings."""

from collections.abc import Mapping

from windtunnel.classes import CLASSES
from windtunnel.errors import UsageError

SHAPES = {
    "separate": (),
    "hybrid": ("compose/hybrid.yml",),
    "shared": ("compose/shared.yml",),
    "unit": ("compose/unit.yml",),
}
# What a setting adds to any shape: the setting, and its overlay.
ADDITIONS = {
    "WINDTUNNEL_TLS": "compose/tls.yml",
    "REAL_AWS_PROFILE": "compose/aws-profile.yml",
    "GIT_REPOSITORY": "compose/git.yml",
}
# By overlay, the components that have no container of their own, and whose they are in.
IN_ANOTHER = {
    "compose/hybrid.yml": {"scheduler": "worker"},
    "compose/shared.yml": {"worker": "webserver"},
    "compose/unit.yml": {"scheduler": "webserver", "worker": "webserver"},
}
LIGHT = (*SHAPES["unit"], "compose/light.yml")


def overlays(shape: str | None, environment_class: str, light: bool) -> tuple[str, ...]:
    """The overlays of a shape; without one, of the class's own.

    Raises:
        UsageError: no such shape, or light and another.
    """
    if light:
        if shape:
            raise UsageError("--light has a shape of its own: leave --shape out")
        return LIGHT
    name = shape or ("hybrid" if CLASSES[environment_class].is_hybrid else "separate")
    if name not in SHAPES:
        raise UsageError(f"shape {name!r}: expected one of {', '.join(SHAPES)}")
    return SHAPES[name]


def additions(settings: Mapping[str, str]) -> tuple[str, ...]:
    """The overlays that settings ask for."""
    return tuple(overlay for setting, overlay in ADDITIONS.items() if settings[setting])


def service_of(component: str, files: str) -> str:
    """The service whose container runs one of MWAA's components, by Compose's list of files."""
    return next(
        (IN_ANOTHER[path][component] for path in files.split(":") if component in IN_ANOTHER.get(path, {})), component
    )


def has_tasks(files: str) -> str:
    """The service whose container runs tasks, by Compose's list of files."""
    return service_of("worker", files)
