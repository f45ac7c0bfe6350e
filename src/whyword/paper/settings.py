"""What a run of the paper is told; the defaults are the paper's experiments."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from whyword import __version__
from whyword.evaluation.documents import MINIMUM_WORDS
from whyword.evaluation.experiment import ORACLE, RANDOM
from whyword.evaluation.settings import Settings
from whyword.models.store import fingerprint
from whyword.survey.vectors import FIGURE_3
from whyword.training.recipe import Recipe


@dataclass(frozen=True)
class Figure2:
    """One document, explained for several targets.

    Attributes:
        document: How its name in the test part ends.
        targets: The classes, one row each.
        methods: The columns.
        words: Whose relevance the results give.
    """

    document: str = "sci.space/61393"
    targets: tuple[str, ...] = ("sci.space", "sci.med", "rec.motorcycles")
    methods: tuple[str, ...] = ("lrp", "sa")
    words: tuple[str, ...] = ("ride", "sick", "astronauts")


@dataclass(frozen=True)
class Paper:
    """What is run.

    Attributes:
        recipe: Of the model.
        model: A name or folder of a model to take instead of training one.
        limit: So many test documents, drawn at random; None for all.
        methods: Curves of Figure 1.
        deletion: How words are deleted in Figure 1.
        minimum_words: Figure 1 leaves out shorter documents.
        figure2: The document of Figure 2.
        weightings: Panels of Figure 3 and rows of EPI; the others are compared with the first.
    """

    recipe: Recipe = field(default_factory=Recipe)
    model: str | None = None
    limit: int | None = None
    methods: tuple[str, ...] = ("lrp", "sa", RANDOM, ORACLE, "shapley_lrp")
    deletion: Settings = field(default_factory=Settings)
    minimum_words: int = MINIMUM_WORDS
    figure2: Figure2 = field(default_factory=Figure2)
    weightings: tuple[str, ...] = FIGURE_3

    def identity(self) -> dict[str, object]:
        """What decides the results beside the corpus, as JSON values.

        Files stand for what they hold; of a model given there is also its files' digest.

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
