"""Optional dependencies, and how to install them."""

DISTRIBUTION = "fastdl-cpu"  # what to install: on PyPI, `fastdl` is another project


def missing(what: str, package: str, extra: str) -> ImportError:
    """Return the error for a package that is not installed."""
    return ImportError(f'{what} needs {package}: pip install "{DISTRIBUTION}[{extra}]"')
