"""The word vectors of a training run: learned or read from a file, and kept in its folder."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from whyword.data import vectors as word_vectors
from whyword.data.files import read_object, write_text
from whyword.data.skip_gram import learn
from whyword.data.vectors import WordVectors
from whyword.models.folder import save_vectors, saved_vectors
from whyword.progress import OnProgress
from whyword.text import Document
from whyword.training.recipe import Recipe

DONE = "vectors.json"
"""The file that says that the folder's vectors are whole, and how long they took."""


def vectors_of_run(
    recipe: Recipe, documents: Sequence[Document], directory: Path, progress: OnProgress
) -> tuple[WordVectors, float]:
    """Return the word vectors of a run, and the seconds that they took.

    Args:
        recipe: Says which file holds the vectors, or how they are learned.
        documents: The training documents, not truncated.
        directory: The run's folder. It holds the vectors if the run got that far before; it cannot
            be that of another run, see `whyword.data.run_folder`.
        progress: Called after each epoch; see `whyword.progress`.

    Raises:
        InputError: If the vectors cannot be read or learned.
        ModelError: If the model that has the vectors cannot be read.
    """
    if (directory / DONE).exists():
        return saved_vectors(directory), read_object(directory / DONE)["seconds"]
    started = time.perf_counter()
    words = [document.words for document in documents]
    if recipe.vectors and Path(recipe.vectors).is_dir():
        vectors = saved_vectors(recipe.vectors)
    elif recipe.vectors:
        vocabulary = {word for document in words for word in document}
        vectors = word_vectors.read_vectors(
            recipe.vectors, vocabulary=vocabulary | {word.lower() for word in vocabulary}
        )
    else:
        skip_gram: dict[str, Any] = dict(recipe.skip_gram)
        vectors = learn(words, seed=recipe.training.seed, progress=progress, **skip_gram)
    save_vectors(vectors, directory)
    # Written last: a kill before this line learns the same vectors again.
    seconds = time.perf_counter() - started
    write_text(directory / DONE, json.dumps({"seconds": seconds}) + "\n")
    return vectors, seconds
