"""Compile the probe's hot paths into the wheel, where a compiler is at hand.

The same paths exist in Python: without Cython, a C compiler or Python's headers the wheel is a
plain one, and the probe costs some microseconds more. ``ASSAY_COMPILED=0`` asks for that;
``ASSAY_COMPILED=1`` makes it an error if they cannot be compiled.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = Path("flask_assay/probe")


class Compile(BuildHookInterface[Any]):
    """Hook of hatchling's wheel builder."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Put the compiled module into the wheel, or beside its source if that is editable."""
        wanted = os.environ.get("ASSAY_COMPILED", "")
        if wanted == "0":
            return
        try:
            built = compiled(Path(self.root))
        except (Exception, SystemExit) as error:
            if wanted == "1":
                raise
            self.app.display_warning(
                f"the probe's hot paths are not compiled ({type(error).__name__}: {error}); "
                "it works the same, at some microseconds more a request"
            )
            return
        if version == "editable":
            shutil.copy2(built, Path(self.root, "src", PACKAGE, built.name))
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["force_include"][str(built)] = str(PACKAGE / built.name)


def compiled(root: Path) -> Path:
    """Return the compiled module, in a directory that is removed when this process ends.

    Raises:
        ImportError: If Cython or setuptools is missing.
        Exception: What a compiler's failure becomes in setuptools.
    """
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension

    # An object whose end removes the directory; the builder reads the file until then.
    place = tempfile.TemporaryDirectory(prefix="flask-assay-build-")
    _places.append(place)
    work = Path(place.name)
    source = work / "compiled.pyx"
    shutil.copy2(root / "src" / PACKAGE / "compiled.pyx", source)
    extension = Extension(
        "flask_assay.probe.compiled", [str(source)], extra_compile_args=["-O2", "-g0"]
    )
    distribution = Distribution(
        {"ext_modules": cythonize([extension], build_dir=str(work), quiet=True)}
    )
    command: Any = distribution.get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(work / "lib"), str(work / "temp")
    command.ensure_finalized()
    command.run()
    found: list[Path] = sorted((work / "lib").rglob("compiled.*"))
    return found[0]


_places: list[tempfile.TemporaryDirectory[str]] = []

if __name__ == "__main__":  # in place, for who works on it
    module = compiled(Path(__file__).parent)
    shutil.copy2(module, Path(__file__).parent / "src" / PACKAGE / module.name)
    print(f"{module.name}, for Python {sys.version.split()[0]}")
