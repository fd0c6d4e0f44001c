"""Compile the hot modules of wsline; everything else about the package is in pyproject.toml.

A module is compiled when a `.pxd` file stands beside it. `X.py` + `X.pxd` is one source with C types beside
it; where there is an `X.pyx` too, that is compiled and `X.py` is its twin in Python. The extension gets the
name of the module, so that it shadows `X.py`.

WSLINE_PURE=1    compile nothing: a pure-Python install
WSLINE_STRICT=1  let no warning pass, Cython's or the C compiler's
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

PURE = os.environ.get("WSLINE_PURE", "0") not in ("", "0")
STRICT = os.environ.get("WSLINE_STRICT", "0") not in ("", "0")

SOURCE = Path("src")

DIRECTIVES = {
    "language_level": 3,
    "annotation_typing": False,  # the types are in the .pxd; annotations are for people and mypy
    "always_allow_keywords": True,
    "binding": True,
    "embedsignature": True,
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
}

OPTIMISE = ["-O3", "-g0"]

WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unused-parameter",  # Cython passes `self` and its own state to functions that need neither
    "-Wno-missing-field-initializers",  # Cython leaves the tail of its type tables to zero-initialisation
    "-Wno-unused-function",  # Cython defines the clean-up of its asynchronous generators and never calls it
    "-Wno-cast-function-type",  # CPython's own way to store a method with keywords in a method table
]

NO_COMPILER = (
    "wsline: no working C compiler with Python's headers was found. Install one (Debian: apt-get install"
    " build-essential python3-dev; macOS: xcode-select --install; Windows: Build Tools for Visual Studio),"
    " or set WSLINE_PURE=1 for the slower pure-Python wsline."
)


def compiled_modules() -> list[Extension]:
    """Return an extension for each module that has a `.pxd`."""
    headers = [str(path) for path in SOURCE.rglob("*.h")]
    folders = sorted({str(Path(path).parent) for path in headers})
    modules = []
    for pxd in sorted(SOURCE.rglob("*.pxd")):
        pyx = pxd.with_suffix(".pyx")
        modules.append(
            Extension(
                ".".join(pxd.relative_to(SOURCE).with_suffix("").parts),
                [str(pyx if pyx.exists() else pxd.with_suffix(".py"))],
                include_dirs=folders,
                depends=headers,
            )
        )
    return modules


class BuildExtensions(build_ext):
    """Turn the modules into C below build/, then compile that."""

    def build_extensions(self) -> None:
        self.require_compiler()
        self.write_c()
        if self.compiler.compiler_type == "unix":
            for extension in self.extensions:
                extension.extra_compile_args = OPTIMISE + (WARNINGS if STRICT else [])
        if not self.parallel:
            self.parallel = os.cpu_count()
        super().build_extensions()

    def require_compiler(self) -> None:
        """End with one line that says what to install, if nothing can be compiled."""
        with TemporaryDirectory() as folder:
            probe = Path(folder, "probe.c")
            probe.write_text("#include <Python.h>\n")
            try:
                self.compiler.compile([str(probe)], output_dir=folder, include_dirs=self.include_dirs)
            except (BaseError, CCompilerError) as error:
                raise SystemExit(NO_COMPILER) from error

    def write_c(self) -> None:
        """Replace the sources of the extensions by the C that Cython makes of them."""
        from Cython.Build import cythonize
        from Cython.Compiler import Options

        Options.warning_errors = STRICT
        made = cythonize(
            list(self.extensions),
            build_dir="build/cython",
            compiler_directives=DIRECTIVES,
            force=self.force,
            quiet=True,
        )
        sources = {extension.name: extension.sources for extension in made}
        for extension in self.extensions:
            extension.sources = sources[extension.name]


setup(
    ext_modules=[] if PURE else compiled_modules(),
    cmdclass={} if PURE else {"build_ext": BuildExtensions},
)
