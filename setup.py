"""Builds the compiled core: one C source for each instruction set and dtype, and a small probe of the processor.

CC names the compiler, gcc or clang; what it compiles for is what the instruction sets are chosen by, so that a cross
compiler gets those of its target. FASTDL_SANITIZE=address,undefined or =thread builds with these sanitizers;
FASTDL_NO_THREADS=1 without threads.

What is here for macOS and Windows follows the documentation of clang and setuptools; it has not been run there.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

MACOS = sys.platform == "darwin"
WINDOWS = sys.platform == "win32"

# Microsoft's own compiler has no such vectors as the kernels are written in, and gcc does not align AVX's on the stack
# of Windows.
COMPILER = ["clang-cl"] if WINDOWS else (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()

# No processor of the upper levels minds a prefetch for writing, though v3 does not name it.
X86_LEVELS = {
    "v2": ["-march=x86-64-v2"],
    "v3": ["-march=x86-64-v3", "-mprfchw"],
    "v4": ["-march=x86-64-v4", "-mprfchw"],
}
DTYPES = {"float32": [], "float64": ["-DFASTDL_DOUBLE"]}

# Contracting a*b+c to one instruction is wanted. Flags that change what NaN, infinity or the host's rounding mode
# mean (-ffast-math, -Ofast) are not. The tiles are vectors already: gcc's own vectoriser and loop versions only bloat
# them. What is hot says that it is inline: to inline more than gcc's -O2 does besides, and to align functions and jumps
# (loops are aligned), makes a module a tenth larger and no faster.
COMMON = [
    "-O3",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fvisibility=hidden",
    "-DNDEBUG",
    "-Wno-unused-function",
    "-Wno-unknown-pragmas",
    "-g0",
]
GCC = [
    "-fno-tree-vectorize",
    "-fno-unswitch-loops",
    "--param",
    "max-completely-peeled-insns=1000",
    "--param",
    "max-completely-peel-times=48",
    "--param",
    "max-inline-insns-auto=15",
    "-fno-align-functions",
    "-fno-align-jumps",
    "-fno-align-labels",
]
CLANG = ["-mllvm", "-unroll-threshold=2000", "-fno-slp-vectorize"]
SANITIZERS = os.environ.get("FASTDL_SANITIZE")
SANITIZE = ["-O1", "-g", f"-fsanitize={SANITIZERS}", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"]


def architecture():
    """Return the flags by which Apple's clang compiles for one architecture, as setuptools passes them on.

    Python itself may be for two, and would have its extensions built for both at once, with flags that one has not.
    """
    if not MACOS:
        return []
    flags = os.environ.setdefault("ARCHFLAGS", f"-arch {platform.machine()}").split()
    if flags.count("-arch") != 1:
        sys.exit(f"fastdl's core is built for one architecture at a time: ARCHFLAGS must name one; received {flags}")
    return flags


def compiler():
    """Return whether this build's compiler is clang, and what it compiles for, or end where there is none."""
    question = {"capture_output": True, "text": True, "check": True, "env": {**os.environ, "LC_ALL": "C"}}
    try:
        said = subprocess.run([*COMPILER, *architecture(), "-v"], **question).stderr
    except (OSError, subprocess.CalledProcessError) as error:
        known = "clang-cl, which LLVM has" if WINDOWS else "gcc or clang (Debian: apt install gcc; CC names another)"
        sys.exit(f"fastdl's core needs a C compiler, {known}: {error}")
    headers = sysconfig.get_path("include")
    if not Path(headers, "Python.h").exists():
        sys.exit(f"fastdl's core needs Python's headers (Debian: apt install python3-dev): {headers} has no Python.h")
    return "clang version" in said, re.search("^Target: (.*)$", said, re.MULTILINE)[1]


def levels(target):
    """Return the levels of a processor's architecture, with the flags of each."""
    if target.startswith(("x86_64", "amd64")):
        return X86_LEVELS
    return {"neon" if target.startswith(("aarch64", "arm64")) else "generic": []}


def compile_flags(clang):
    """Return the flags of every level."""
    flags = COMMON + (CLANG if clang else GCC)
    if sys.platform == "linux" and not SANITIZERS:  # a debugger's way up the stack: 0.1 MB of a wheel
        flags = [*flags, "-fno-asynchronous-unwind-tables"]
    if SANITIZERS:
        flags = flags + SANITIZE
    if WINDOWS or os.environ.get("FASTDL_NO_THREADS") == "1":  # the threads are POSIX's
        flags = [*flags, "-DFASTDL_NO_THREADS"]
    return flags


def link_flags():
    """Return the linker's flags: threads, and no symbols, which Apple's linker has no flag to leave out."""
    if WINDOWS:
        return []
    if SANITIZERS:
        return ["-pthread", f"-fsanitize={SANITIZERS}"]
    return ["-pthread"] if MACOS else ["-pthread", "-s"]


def spelled(flags):
    """Return flags as the compiler takes them: clang-cl has Microsoft's own, and a prefix for clang's."""
    return [f"/clang:{flag}" for flag in flags] if WINDOWS else flags


def extensions():
    """Make an extension for each level and dtype, from one C file, and the processor probe."""
    clang, target = compiler()
    flags = compile_flags(clang)
    core, features = cythonize(
        [Extension("core", ["src/core.pyx"]), Extension("fastdl._core.features", ["src/features.pyx"])],
        include_path=["src"],
        build_dir="build/cython",
    )
    baseline = ["-march=x86-64"] if levels(target) is X86_LEVELS else []
    features.extra_compile_args = spelled(["-O2", "-g0", *baseline])
    features.extra_link_args = link_flags()
    source = Path(core.sources[0])
    built = [features]
    for level, march in levels(target).items():
        for dtype, define in DTYPES.items():
            name = f"{level}_{dtype}"
            # A file of its own for each, as object files are named after their source.
            stub = source.with_name(f"{name}.c")
            text = f'#define PyInit_core PyInit_{name}\n#include "{source.name}"\n'
            if not stub.exists() or stub.read_text() != text:
                stub.write_text(text)
            built.append(
                Extension(
                    f"fastdl._core.{name}",
                    [str(stub)],
                    include_dirs=["src"],
                    depends=["setup.py", str(source), *map(str, Path("src").rglob("*.*"))],
                    extra_compile_args=spelled(flags + march + define),
                    extra_link_args=link_flags(),
                )
            )
    return built


class BuildExtensions(build_ext):
    """Compiles by clang-cl where setuptools would take Microsoft's compiler, and leaves the linker as it is."""

    def build_extensions(self):
        """Build them all."""
        if WINDOWS:
            if not self.compiler.initialized:
                self.compiler.initialize()
            self.compiler.cc = shutil.which(*COMPILER)
        super().build_extensions()


setup(
    ext_modules=extensions(),
    cmdclass={"build_ext": BuildExtensions},
    options={"build_ext": {"parallel": os.cpu_count()}},
)
