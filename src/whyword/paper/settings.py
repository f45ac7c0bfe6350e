"""The settings of a run of the paper; the defaults are the paper's experiments."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from whyword import __version__
from whyword.evaluation.documents import MINIMUM_WORDS
from whyword.evaluation.experiment import ORACLE, RANDOM
from whyword.evaluation.settings import Settings
from whyword.models.store import fingerprint
from whyword.survey.vectors import FIGURE_3
from whyword.training.config import TrainingConfig
from whyword.training.recipe import Recipe


@dataclass(frozen=True)
class Figure2:
    """The settings of Figure 2: one document, explained for several targets.

    Attributes:
        document: The end of the document's name in the test part.
        targets: The classes to explain, one in each row.
        methods: The methods, one in each column.
        words: The words whose relevance stands in the results.
    """

    document: str = "sci.space/61393"
    targets: tuple[str, ...] = ("sci.space", "sci.med", "rec.motorcycles")
    methods: tuple[str, ...] = ("lrp", "sa")
    words: tuple[str, ...] = ("ride", "sick", "astronauts")


def of_the_paper(seed: int = 0) -> Recipe:
    """The recipe of the paper's model: word vectors are fixed (section 3.1)."""
    return Recipe(training=TrainingConfig(seed=seed, vector_rate=0.0))


@dataclass(frozen=True)
class Paper:
    """The settings of a run of the paper's experiments.

    Attributes:
        recipe: What model is trained, and how.
        model: Name or folder of a model to take instead of training one.
        limit: Most test documents to use, drawn at random; None for all.
        methods: The methods whose curves Figure 1 shows.
        deletion: How words are deleted in Figure 1.
        minimum_words: Figure 1 leaves out documents with fewer words.
        figure2: The settings of Figure 2.
        weightings: The ways of weighting words, which are panels of Figure 3 and rows of EPI; the
            first is compared with the others.
    """

    recipe: Recipe = field(default_factory=of_the_paper)
    model: str | None = None
    limit: int | None = None
    methods: tuple[str, ...] = ("lrp", "sa", RANDOM, ORACLE, "shapley_lrp")
    deletion: Settings = field(default_factory=Settings)
    minimum_words: int = MINIMUM_WORDS
    figure2: Figure2 = field(default_factory=Figure2)
    weightings: tuple[str, ...] = FIGURE_3

    def identity(self) -> dict[str, object]:
        """Describe what decides the results apart from the corpus, as JSON values.

        Files, and the files of a model that is given, are described by digests of their contents.

        Raises:
            InputError: If a file that the recipe names cannot be read.
            ModelError: If there is no such model.
        """
        found: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        found["deletion"].pop("fast")
        if self.model is None:
            found["recipe"] = self.recipe.identity()
        else:
            found["recipe"] = None
            found["digest"] = fingerprint(self.model)
        return {"whyword": __version__, **found}
