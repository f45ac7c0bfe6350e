"""Layer-wise relevance propagation through any unmodified PyTorch function.

`relevance` runs a model's forward pass, intercepts the torch functions that the embeddings reach,
and replaces what their backward passes carry by relevance. It knows no model.
"""

from whyword.lrp.accounting import Account, Entry
from whyword.lrp.backward import propagate, through_layer
from whyword.lrp.calls import Call, UnsupportedFunction, register
from whyword.lrp.composites import Attention, Composite
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
