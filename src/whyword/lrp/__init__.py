"""The engine: layer-wise relevance propagation (LRP) through any unmodified PyTorch function.

LRP hands a score back through the functions that computed it, until it reaches the embeddings (the
vectors of words). `relevance` runs a model's forward pass, intercepts the torch functions that the
embeddings reach, and makes their backward passes carry relevance instead of gradients. It knows
nothing of models or classes of modules. A `Rule` says how a linear layer shares relevance among its
inputs, a `Composite` which rule goes where, and `register` gives further functions a rule.
"""

from whyword.lrp.accounting import Account, Entry
from whyword.lrp.backward import propagate, through_layer
from whyword.lrp.calls import Call, UnsupportedFunction, register
from whyword.lrp.composites import Attention, Composite, Form
from whyword.lrp.engine import Result, relevance
from whyword.lrp.functions import ROUTING
from whyword.lrp.rules import AlphaBeta, Epsilon, Flat, Gamma, Layer, Rule, WSquare, ZPlus

__all__ = [
    "ROUTING",
    "Account",
    "AlphaBeta",
    "Attention",
    "Call",
    "Composite",
    "Entry",
    "Epsilon",
    "Flat",
    "Form",
    "Gamma",
    "Layer",
    "Result",
    "Rule",
    "UnsupportedFunction",
    "WSquare",
    "ZPlus",
    "propagate",
    "register",
    "relevance",
    "through_layer",
]
