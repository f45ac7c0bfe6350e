"""Other libraries that explain, each in a file; one that is missing is named, and passed over."""

from importlib import import_module

PEERS = {
    "captum": "captum.attr",
    "zennit": "suite.peers.zennit",
    "lxt": "suite.peers.lxt",
    "shap": "shap",
}
"""By name, the module whose import shows that the library works."""


def missing() -> dict[str, str]:
    """Libraries that do not work here, with the reason in one line."""
    found = {}
    for name, module in PEERS.items():
        try:
            import_module(module)
        except ImportError as error:
            found[name] = str(error).splitlines()[0]
    return found
