"""The documentation as pages: ``python -m sphinx -W --keep-going docs build/docs``."""

import inspect
import re

import fastdl

project = "fastdl"
author = "the fastdl developers"
release = version = fastdl.__version__
extensions = [
    "myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary",
]  # fmt: skip
exclude_patterns = ["_build", "_templates"]

html_theme = "furo"
html_title = "fastdl"
html_show_sphinx = False
html_static_path: list[str] = []

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

templates_path = ["_templates"]
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_inherit_docstrings = False
autodoc_typehints = "none"  # numpydoc's sections say what comes and goes
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
default_role = "code"


def _outside(app, docname, source):
    """Let links that lead out of these pages, to the bench or the examples, be names of files."""
    up = re.escape("../" * (1 + docname.count("/")))
    source[0] = re.sub(rf"\[([^\]]+)\]\({up}([^)#]+)(?:#[^)]*)?\)", r"\1 (`\2`)", source[0])


def _with_stars(app, what, name, obj, options, lines):
    """Let the star of a shape such as (N, *input_shape) be one."""
    lines[:] = [re.sub(r"(?<=, )\*(?=\w)", r"\\*", line) for line in lines]


def _signature(app, what, name, obj, options, signature, returned):
    """Give a class's own arguments, rather than those of what makes layers."""
    if what != "class" or not inspect.isfunction(obj.__init__):
        return signature, returned
    own = inspect.signature(obj.__init__)
    kept = [one.replace(annotation=inspect.Parameter.empty) for one in list(own.parameters.values())[1:]]
    return str(inspect.Signature(kept)), None


def _skipped(app, what, name, obj, skip, options):
    """Leave out what scikit-learn gives its estimators, and documents itself."""
    return skip or name in {"get_metadata_routing", "set_params", "get_params"} or name.endswith("_request")


def setup(app):
    """Connect what changes pages as they are read."""
    app.connect("source-read", _outside)
    app.connect("autodoc-process-docstring", _with_stars, priority=100)  # before numpydoc
    app.connect("autodoc-process-signature", _signature)
    app.connect("autodoc-skip-member", _skipped)
