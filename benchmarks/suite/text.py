"""From text to tokens, records and JSON."""

import json
import multiprocessing
import re
from collections.abc import Callable, Sequence
from time import process_time

import torch

from suite import models
from suite.documents import Texts
from suite.results import Group
from suite.timing import Task, Times, interleaved
from whyword import explain
from whyword.text import Tokenizer

CHUNK = 20
"""Documents that are tokenised in one turn."""
BEFORE = 1000
"""Other documents that are read before the tokeniser is called warm."""


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
        "bare relevance to JSON": lambda: [json.dumps(row) for row in values],
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
    """The tokeniser beside NLTK's own, in new processes: at first, and after other documents."""
    found: dict[str, list[float]] = {}
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for p in range(processes):
            start = p * (BEFORE + 200) % max(1, len(texts.texts) - BEFORE - 200)
            part = texts.texts[start : start + BEFORE + 200]
            for name, values in pool.apply(_tokenised, (part,)).items():
                found.setdefault(name, []).extend(values)
    times = {name: Times(tuple(values)) for name, values in found.items()}
    pattern = times["white space by a regular expression"].median
    what = "one pass of a regular expression over the text"
    return Group.of(
        "tokens",
        f"Tokens of {CHUNK} documents, all their words",
        times,
        "NLTK, cold",
        dict.fromkeys(("whyword, cold", "whyword, warm"), (what, pattern)),
        [
            f"{texts.source}. Cold: a new process has read one sentence. Warm: it has read "
            f"{BEFORE} other documents. NLTK: PunktSentenceTokenizer and NLTKWordTokenizer, "
            "without the places of the tokens in the text, which whyword finds too."
        ],
    )


def _tokenised(texts: Sequence[str]) -> dict[str, list[float]]:
    """Processor seconds of each chunk, ours and NLTK's in turns."""
    from nltk.tokenize import NLTKWordTokenizer, PunktSentenceTokenizer

    sentences, words, ours = PunktSentenceTokenizer(), NLTKWordTokenizer(), Tokenizer(None)
    space = re.compile(r"\S+")

    def nltk(text: str) -> object:
        return [words.tokenize(sentence) for sentence in sentences.tokenize(text)]

    for tokenise in (ours, nltk):
        tokenise("One sentence.")
    found: dict[str, list[float]] = {}

    def turn(chunk: Sequence[str], state: str) -> None:
        named: dict[str, Callable[[str], object]] = {
            f"whyword, {state}": ours,
            f"NLTK, {state}": nltk,
            "white space by a regular expression": space.findall,
        }
        for name, tokenise in named.items():
            begin = process_time()
            for text in chunk:
                tokenise(text)
            found.setdefault(name, []).append(process_time() - begin)

    for at in range(0, 100, CHUNK):
        turn(texts[at : at + CHUNK], "cold")
    for text in texts[100:BEFORE]:
        ours(text)
    for at in range(BEFORE, len(texts), CHUNK):
        turn(texts[at : at + CHUNK], "warm")
    return found
