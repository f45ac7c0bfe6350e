"""Renderers: they show explanations and results in the terminal, as pictures, and as HTML pages.

The name of a renderer says what it returns: ``..._page`` a whole HTML file as text, which needs no
other file; ``..._picture`` a `Picture`, to be saved. ``draw_...`` writes a picture with matplotlib,
``print_...`` prints in the terminal, ``...Table`` and ``...Tables`` can be printed by rich.
"""

from typing import TYPE_CHECKING

from whyword import lazy

if TYPE_CHECKING:
    from whyword.render import html
    from whyword.render.audit import AuditTables, audit_page
    from whyword.render.confusion import draw_confusion
    from whyword.render.curves import draw_curves
    from whyword.render.evaluation import evaluation_page
    from whyword.render.heatmap import comparison_picture, heatmap_picture
    from whyword.render.html import comparison_page, heatmap_fragment, heatmap_page
    from whyword.render.map import map_page
    from whyword.render.metrics import MetricTable
    from whyword.render.palette import PALETTES, Palette, Shades
    from whyword.render.paper import paper_page
    from whyword.render.picture import Picture
    from whyword.render.scatter import draw_maps
    from whyword.render.suspected_labels import LabelTable, labels_page
    from whyword.render.terminal import heatmap_text, print_explanations, terminal_heatmap
    from whyword.render.words import WordTables, draw_words, words_page

__all__ = [
    "PALETTES",
    "AuditTables",
    "LabelTable",
    "MetricTable",
    "Palette",
    "Picture",
    "Shades",
    "WordTables",
    "audit_page",
    "comparison_page",
    "comparison_picture",
    "draw_confusion",
    "draw_curves",
    "draw_maps",
    "draw_words",
    "evaluation_page",
    "heatmap_fragment",
    "heatmap_page",
    "heatmap_picture",
    "heatmap_text",
    "html",
    "labels_page",
    "map_page",
    "paper_page",
    "print_explanations",
    "terminal_heatmap",
    "words_page",
]

__getattr__, __dir__ = lazy.exports(__name__)
