"""The word vectors that a training begins with: learned or read from a file, kept in its folder."""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from whyword.data.files import make_folder, read_object, write_text
from whyword.data.skip_gram import learn
from whyword.data.vectors import WordVectors, read_vectors
from whyword.models.folder import save_vectors, saved_vectors
from whyword.progress import OnProgress
from whyword.text import Document
from whyword.training.recipe import Recipe

START = "start"
"""The folder of the vectors, in that of the run: those of the model may be learned further."""

DONE = "vectors.json"
"""The file that says that the vectors are whole, and how long they took."""

LIKENESS = 0.8
"""Mean cosine between frequent words above which skip-gram has not told them apart."""

_PLENTY = 500_000
"""Words from which on all cores learn vectors: with fewer it takes seconds."""


def vectors_of_run(
    recipe: Recipe,
    documents: Sequence[Document],
    directory: Path,
    progress: OnProgress,
    seconds: float | None,
    scale: float | None,
    reasons: list[str],
) -> tuple[WordVectors, float]:
    """Return the word vectors of a run, and the seconds that they took.

    Args:
        recipe: Says which file holds the vectors, or how they are learned.
        documents: The training documents, not truncated.
        directory: The run's folder. It holds the vectors if the run got that far before; it cannot
            be that of another run, see `whyword.data.run_folder`.
        progress: Called after each epoch; see `whyword.progress`.
        seconds: Time for learning them; None for as long as it takes.
        scale: Root mean square of the components of learned vectors; None leaves it.
        reasons: Takes sentences on what was done.

    Raises:
        InputError: If the vectors cannot be read or learned.
        ModelError: If the model that has the vectors cannot be read.
    """
    folder = directory / START
    if (folder / DONE).exists():
        done = read_object(folder / DONE)
        reasons += done["reasons"]
        return saved_vectors(folder), done["seconds"]
    started, told = time.perf_counter(), list[str]()
    words = [document.words for document in documents]
    if recipe.vectors and Path(recipe.vectors).is_dir():
        vectors = saved_vectors(recipe.vectors)
    elif recipe.vectors:
        vocabulary = {word for document in words for word in document}
        vectors = read_vectors(
            recipe.vectors, vocabulary=vocabulary | {word.lower() for word in vocabulary}
        )
    else:
        skip_gram: dict[str, Any] = dict(recipe.skip_gram)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        vectors = learn(
            words,
            seed=recipe.training.seed,
            workers=min(cores, 4) if sum(map(len, words)) >= _PLENTY else 1,
            seconds=seconds,
            progress=progress,
            **skip_gram,
        )
        vectors = _ready(vectors, scale, recipe.training.seed, told)
    make_folder(folder)
    save_vectors(vectors, folder)
    # Written last: a kill before this line learns the same vectors again.
    took = time.perf_counter() - started
    write_text(folder / DONE, json.dumps({"seconds": took, "reasons": told}) + "\n")
    reasons += told
    return vectors, took


def _ready(vectors: WordVectors, scale: float | None, seed: int, reasons: list[str]) -> WordVectors:
    """Vectors to begin with: of the scale, and told apart."""
    array = vectors.array
    if (cosine := likeness(vectors)) > LIKENESS:
        array = np.random.default_rng(seed).standard_normal(array.shape, dtype=np.float32)
        array *= 0.1
        reasons.append(
            f"Skip-gram has not told the words apart (mean cosine between frequent ones "
            f"{cosine:.2f}): they begin with random vectors instead."
        )
    else:
        reasons.append(f"Skip-gram told the words apart: mean cosine {cosine:.2f}.")
    if scale is not None:
        array = array * np.float32(scale / np.sqrt(np.mean(np.square(array, dtype=np.float64))))
    return replace(vectors, array=array)


def likeness(vectors: WordVectors, most: int = 200) -> float:
    """Mean cosine between different words among the first ``most``, the most frequent ones."""
    array = vectors.array[:most].astype(np.float64)
    norms = np.linalg.norm(array, axis=1, keepdims=True)
    unit = array / np.maximum(norms, 1e-12)
    n = len(unit)
    return float((unit @ unit.T).sum() - n) / (n * (n - 1)) if n > 1 else 0.0
