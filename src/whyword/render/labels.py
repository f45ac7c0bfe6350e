"""The names of methods and weightings as people read them: in pictures, tables and pages."""

from whyword.explanation import Explanation
from whyword.methods import METHODS, label_of

_WEIGHTINGS = {"sa-l2": "SA(l2)", "sum": "SUM", "tfidf": "TF-IDF"}


def method_label(method: str) -> str:
    """Return the name of a method, or of a deletion experiment's oracle, as people write it.

    Example:
        >>> method_label("lrp"), method_label("mine")
        ('LRP', 'mine')
    """
    return "greedy oracle" if method == "oracle" else label_of(method)


def weighting_label(weighting: str) -> str:
    """Return the name of a weighting as in the paper.

    Example:
        >>> weighting_label("lrp-elementwise"), weighting_label("tfidf")
        ('LRP e.w.', 'TF-IDF')
    """
    if weighting in _WEIGHTINGS:
        return _WEIGHTINGS[weighting]
    method = weighting.removesuffix("-elementwise")
    return method_label(method) + (" e.w." if method != weighting else "")


def method_line(explanation: Explanation) -> str:
    """Return method and settings in one line, without settings that are None.

    Example: ``LRP, epsilon 0.01``
    """
    settings = {name: value for name, value in explanation.settings.items() if value is not None}
    named = (f"{name.replace('_', ' ')} {value}" for name, value in settings.items())
    return ", ".join([method_label(explanation.method), *named])


def not_shared(explanation: Explanation) -> str:
    """Return the sentence that replaces the sum, for methods that do not decompose the score."""
    method = METHODS.get(explanation.method)
    name = method.title if method else explanation.method
    return (
        f"{name[:1].upper()}{name[1:]} does not share out the score: its numbers compare words "
        "with each other and do not add up to it."
    )
