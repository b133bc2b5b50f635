"""The documentation as pages: ``python -m sphinx -W --keep-going docs build/docs``."""

import inspect
import re
import sys
from pathlib import Path

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

import fastdl

sys.path.insert(0, str(Path(__file__).parent))  # figures.py

project = "fastdl"
author = "the fastdl developers"
release = version = fastdl.__version__
extensions = [
    "myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx_gallery.gen_gallery",
]  # fmt: skip
exclude_patterns = ["_build", "_templates", "articles/index.rst"]  # articles.md stands for the gallery's own index

html_theme = "furo"
html_title = "fastdl"
html_show_copyright = html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_math_renderer = "mathml"  # which browsers show by themselves: no script, and nothing from elsewhere

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

# The programs of the articles are run, and become pages with what they print and draw.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "articles",
    "filename_pattern": "article",
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("figures.saved",),
    "reset_modules": ("matplotlib", "figures.set_style"),
    "capture_repr": (),
    "doc_module": ("fastdl",),
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "remove_config_comments": True,
}
suppress_warnings = ["sphinx_gallery.config"]  # that the small gallery in articles.md goes by names of files alone


def _outside(app, docname, source):
    """Let links to the articles' programs lead to their pages, and others that lead out be names of files."""
    source[0] = re.sub(r"\]\(\.\./examples/(article\w+)\.py\)", r"](articles/\1.rst)", source[0])
    up = re.escape("../" * (1 + docname.count("/")))
    source[0] = re.sub(rf"\[([^\]]+)\]\({up}([^)#]+)(?:#[^)]*)?\)", r"\1 (`\2`)", source[0])


def _with_stars(app, what, name, obj, options, lines):
    """Let the star of a shape such as (N, *input_shape) be one."""
    lines[:] = [re.sub(r"(?<=, )\*(?=\w)", r"\\*", line) for line in lines]


def _signature(app, what, name, obj, options, signature, returned):
    """Return a class's own arguments, rather than those of what makes layers."""
    if what != "class" or not inspect.isfunction(obj.__init__):
        return signature, returned
    own = inspect.signature(obj.__init__)
    kept = [one.replace(annotation=inspect.Parameter.empty) for one in list(own.parameters.values())[1:]]
    return str(inspect.Signature(kept)), None


def _skipped(app, what, name, obj, skip, options):
    """Leave out what scikit-learn gives its estimators, and documents itself."""
    return skip or name in {"get_metadata_routing", "set_params", "get_params"} or name.endswith("_request")


def _formula(writer, node):
    """Write a formula as MathML."""
    block = node.tagname == "math_block"
    formula = tex2mathml(node.astext(), as_block=block)
    writer.body.append(f"<p>{formula}</p>" if block else formula)
    raise SkipNode


def setup(app):
    """Connect what changes pages as they are read, and what writes formulas."""
    app.add_html_math_renderer("mathml", (_formula, None), (_formula, None))
    app.connect("source-read", _outside)
    app.connect("autodoc-process-docstring", _with_stars, priority=100)  # before numpydoc
    app.connect("autodoc-process-signature", _signature)
    app.connect("autodoc-skip-member", _skipped)
