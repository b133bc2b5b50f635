"""What is not needed to install fastdl, and how to get it."""

DISTRIBUTION = "fastdl-cpu"  # what to install: on PyPI, `fastdl` is another project


def missing(what: str, package: str, extra: str) -> ImportError:
    """Make the error of a package that is not there."""
    return ImportError(f'{what} needs {package}: pip install "{DISTRIBUTION}[{extra}]"')
