"""The C engine is built once, in place, before any test of the library runs."""

from xml_rebuild.native.build import build


def pytest_configure() -> None:
    """Raises where there is no compiler: without the engine, tests would be of the other one alone."""
    build()
