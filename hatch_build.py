"""Compile the probe's hot paths into the wheel, where a compiler is at hand.

The same paths exist in Python: without Cython, a C compiler or Python's headers the wheel is a
plain one, and the probe costs some microseconds more. ``ASSAY_COMPILED=0`` asks for that;
``ASSAY_COMPILED=1`` makes it an error if they cannot be compiled.
"""

import hashlib
import os
import shutil
import sys
import sysconfig
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
        is_editable = version == "editable"
        if wanted == "0":
            if is_editable:
                beside_source(Path(self.root)).unlink(missing_ok=True)
            return
        try:
            built = compiled(Path(self.root))
            if is_editable:
                put(built, beside_source(Path(self.root)))
        except (Exception, SystemExit) as error:
            if wanted == "1":
                raise
            self.app.display_warning(
                f"the probe's hot paths are not compiled ({type(error).__name__}: {error}); "
                "it works the same, at some microseconds more a request"
            )
            return
        if is_editable:
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
    text = (root / "src" / PACKAGE / "compiled.pyx").read_bytes()
    # A module that was built from another text is left alone: ``probe.compilation`` compares.
    source.write_bytes(text + f'\nSOURCE = "{hashlib.sha256(text).hexdigest()}"\n'.encode())
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


def beside_source(root: Path) -> Path:
    """Return where the compiled module of this Python lies in a tree that is worked on."""
    return root / "src" / PACKAGE / f"compiled{sysconfig.get_config_var('EXT_SUFFIX')}"


def put(built: Path, place: Path) -> None:
    """Put the module in its place in one step.

    A process that has the old one loaded keeps it; written over in place, it would crash.
    """
    new = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        shutil.copy2(built, new)
        new.replace(place)
    finally:
        new.unlink(missing_ok=True)


_places: list[tempfile.TemporaryDirectory[str]] = []

if __name__ == "__main__":  # in place, for who works on it
    here = Path(__file__).resolve().parent
    put(compiled(here), beside_source(here))
    print(f"{beside_source(here).name}, for Python {sys.version.split()[0]}")
