"""Builds the compiled core: one C source for each instruction set and dtype, and a small probe of the processor.

FASTDL_SANITIZE=address,undefined or =thread builds with these sanitizers; FASTDL_NO_THREADS=1 without threads.
"""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

# Of the machine that this is built for, which is another one's where a cross compiler builds it.
TARGET = sysconfig.get_platform().rpartition("-")[2]
X86 = TARGET in ("x86_64", "amd64")
LEVELS = {"generic": []}
if TARGET in ("aarch64", "arm64"):
    LEVELS = {"neon": []}
if X86:
    # No processor of the upper levels minds a prefetch for writing, though v3 does not name it.
    LEVELS = {
        "v2": ["-march=x86-64-v2"],
        "v3": ["-march=x86-64-v3", "-mprfchw"],
        "v4": ["-march=x86-64-v4", "-mprfchw"],
    }
DTYPES = {"float32": [], "float64": ["-DFASTDL_DOUBLE"]}

# Contracting a*b+c to one instruction is wanted. Flags that change what NaN, infinity or the host's rounding mode
# mean (-ffast-math, -Ofast) are not. The tiles are vectors already: gcc's own vectoriser and loop versions only bloat
# them.
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
]
CLANG = ["-mllvm", "-unroll-threshold=2000", "-fno-slp-vectorize"]
SANITIZERS = os.environ.get("FASTDL_SANITIZE")
SANITIZE = ["-O1", "-g", f"-fsanitize={SANITIZERS}", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"]


def compiler_flags():
    """Give the flags of this build's compiler, or end where there is none."""
    command = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()
    try:
        version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"fastdl's core needs a C compiler, gcc or clang (Debian: apt install gcc; CC names another): {error}")
    headers = sysconfig.get_path("include")
    if not Path(headers, "Python.h").exists():
        sys.exit(f"fastdl's core needs Python's headers (Debian: apt install python3-dev): {headers} has no Python.h")
    flags = COMMON + (CLANG if "clang" in version else GCC)
    if SANITIZERS:
        flags = flags + SANITIZE
    if os.environ.get("FASTDL_NO_THREADS") == "1":
        flags = [*flags, "-DFASTDL_NO_THREADS"]
    return flags


def extensions():
    """Make an extension for each row of LEVELS x DTYPES, from one C file, and the processor probe."""
    flags = compiler_flags()
    link = [f"-fsanitize={SANITIZERS}"] if SANITIZERS else ["-s"]
    core, features = cythonize(
        [Extension("core", ["src/core.pyx"]), Extension("fastdl._core.features", ["src/features.pyx"])],
        include_path=["src"],
        build_dir="build/cython",
    )
    features.extra_compile_args = ["-O2", *(["-march=x86-64"] if X86 else [])]
    source = Path(core.sources[0])
    built = [features]
    for level, march in LEVELS.items():
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
                    extra_compile_args=flags + march + define,
                    extra_link_args=["-pthread", *link],
                )
            )
    return built


setup(ext_modules=extensions(), options={"build_ext": {"parallel": os.cpu_count()}})
