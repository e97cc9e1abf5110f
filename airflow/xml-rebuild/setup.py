"""Builds the C engine into the wheel, which then is for one kind of machine, but for any Python 3."""

import subprocess
import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).parent / "src"))

from xml_rebuild.native.build import build


class BuildEngine(build_py):
    """Where there is no compiler the library is installed without the engine, and says so when it runs."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        try:
            build(Path(self.build_lib) / "xml_rebuild/native")
        except (OSError, subprocess.CalledProcessError) as error:
            self.warn(f"the C engine is not built, the XSLT engine does all work: {error}")


class PlatformWheel(bdist_wheel):
    """The engine is of no Python's ABI."""

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


class PlatformDistribution(Distribution):
    """One that holds what was compiled."""

    def has_ext_modules(self) -> bool:
        return True


setup(distclass=PlatformDistribution, cmdclass={"build_py": BuildEngine, "bdist_wheel": PlatformWheel})
