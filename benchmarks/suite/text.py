"""From text to tokens, records and JSON."""

import multiprocessing
import re
from collections.abc import Callable, Sequence
from time import process_time

import orjson
import torch

from suite import models
from suite.documents import Texts
from suite.results import Group
from suite.timing import Task, Times, interleaved
from whyword import explain
from whyword.text import Tokenizer

CHUNK = 20
"""Documents that are tokenised in one turn."""
READ, OTHERS = 1000, 500
"""Documents that are tokenised, and then others."""
STATES = ("cold", "warm", "warm, other texts")


def records(texts: Texts, size: int = 32, seconds: float = 2.0) -> Group:
    """Text to explanation to JSON, all classes, with the word CNN."""
    model = models.shipped()
    chosen = list(texts.texts[:size])
    batch = model.encode(chosen)
    embeddings = model.embed(batch)
    found = explain(model, chosen)
    values = [e.relevance.ravel().tolist() for e in found]
    tasks: dict[str, Task] = {
        "Conv1d forward": torch.no_grad()(lambda: model.score(embeddings, batch)),
        "text to tokens": lambda: model.documents(chosen),
        "tokens to Explanation, 20 classes": lambda: explain(model, batch.documents),
        "text to Explanation, 20 classes": lambda: explain(model, chosen),
        "text to Explanation, predicted class": lambda: explain(model, chosen, targets="predicted"),
        "Explanation to JSON": lambda: [e.to_json() for e in found],
        "text to JSON, 20 classes": lambda: [e.to_json() for e in explain(model, chosen)],
        "bare relevance to JSON": lambda: [orjson.dumps(row) for row in values],
    }
    times = interleaved(tasks, seconds=seconds)
    limits = {
        "text to JSON, 20 classes": (
            "the explanation, and the digits of each number",
            times["text to Explanation, 20 classes"].median
            + times["bare relevance to JSON"].median,
        ),
    }
    words = int(batch.mask.sum())
    notes = [f"{size} documents a call; {texts.source}; {words} words read."]
    return Group.of(
        "records",
        "Word CNN, from text to records",
        {name: Times(tuple(s / size for s in t.seconds)) for name, t in times.items()},
        "Conv1d forward",
        {name: (what, s / size) for name, (what, s) in limits.items()},
        [*notes, "Times are for one document."],
    )


def tokens(texts: Texts, processes: int = 3) -> Group:
    """The tokeniser beside NLTK's own, in new processes."""
    found: dict[str, list[float]] = {}
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for _ in range(processes):
            part = texts.texts[: READ + OTHERS]
            for name, seconds in pool.apply(_tokenised, (part,)).items():
                found.setdefault(name, []).append(seconds)
    times = {name: Times(tuple(values)) for name, values in found.items()}
    what = "one pass of a regular expression over the text"
    return Group.of(
        "tokens",
        "Tokens of a document, all of them",
        times,
        "NLTK, cold",
        {f"whyword, {state}": (what, times[f"white space, {state}"].median) for state in STATES},
        [
            f"{texts.source}; {min(READ, len(texts.texts))} documents. Cold: a new process has "
            f"read one sentence. Warm: the same texts once more. Warm, other texts: the next "
            f"{OTHERS}, after these. NLTK: PunktSentenceTokenizer and NLTKWordTokenizer, without "
            "the places of the tokens in the text, which whyword finds too. White space: a regular "
            "expression that finds what stands between."
        ],
    )


def _tokenised(texts: Sequence[str]) -> dict[str, float]:
    """Processor seconds a document, ours, NLTK's and the limit's in turns of some texts."""
    from nltk.tokenize import NLTKWordTokenizer, PunktSentenceTokenizer

    sentences, words, space = PunktSentenceTokenizer(), NLTKWordTokenizer(), re.compile(r"\S+")

    def nltk(text: str) -> object:
        return [words.tokenize(sentence) for sentence in sentences.tokenize(text)]

    named: dict[str, Callable[[str], object]] = {
        "whyword": Tokenizer(None),
        "NLTK": nltk,
        "white space": lambda text: [match.span() for match in space.finditer(text)],
    }
    for tokenise in named.values():
        tokenise("One sentence.")
    found = {}
    for state, part in zip(STATES, (texts[:READ], texts[:READ], texts[READ:]), strict=True):
        total = dict.fromkeys(named, 0.0)
        for at in range(0, len(part), CHUNK):
            for name, tokenise in named.items():
                begin = process_time()
                for text in part[at : at + CHUNK]:
                    tokenise(text)
                total[name] += process_time() - begin
        for name, seconds in total.items():
            found[f"{name}, {state}"] = seconds / max(1, len(part))
    return found
