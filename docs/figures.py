"""Figures of the articles' pages: described, and in ink that is seen on light pages as on dark ones."""

from pathlib import Path

import matplotlib.pyplot as plt
from sphinx_gallery.scrapers import figure_rst

INK = "#7a7a7a"
DPI = 90  # of a screen; one of twice as many gets twice as many


def set_style(gallery_conf, fname):
    """Leave away backgrounds, and draw in grey what is black otherwise."""
    inked = "text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"
    plt.rcParams.update(dict.fromkeys(inked, INK))
    plt.rcParams.update({"figure.facecolor": "none", "axes.facecolor": "none"})


def saved(block, block_vars, gallery_conf):
    """Save the figures that a block has made, and give what shows them: a figure's name is its description."""
    shown = ""
    for number, name in zip(plt.get_fignums(), block_vars["image_path_iterator"], strict=False):
        figure, path = plt.figure(number), Path(name)
        if not figure.get_label():
            raise ValueError(f"a figure of {block_vars['src_file']} has no name that says what is seen")
        twice = path.with_stem(f"{path.stem}_2x")
        figure.savefig(path, dpi=DPI)
        figure.savefig(twice, dpi=2 * DPI)
        shown += figure_rst([path], gallery_conf["src_dir"], figure.get_label(), srcsetpaths=[{0: path, 2.0: twice}])
    plt.close("all")
    return shown
