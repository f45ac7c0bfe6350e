"""From a corpus to maps of it: vectors, projections, predicted classes, and the files of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whyword.classifier import Classifier, predict
from whyword.corpora import Corpus
from whyword.document_vectors import Weighting, document_vectors
from whyword.errors import InputError
from whyword.explainer import stream
from whyword.maps import DocumentMap, Projection, project, write_parquet
from whyword.text import Document

PICTURES = (".svg", ".png", ".pdf")


@dataclass(frozen=True)
class MappedCorpus:
    """Maps of the same documents by one or more weightings.

    Attributes:
        classifier: The model whose relevance weighted the words.
        documents: The tokenised texts.
        maps: One for each weighting.
        groups: One per document; they choose the colours.
        apart: Groups that are drawn in grey.
    """

    classifier: Classifier
    documents: Sequence[Document]
    maps: Mapping[str, DocumentMap]
    groups: Sequence[str]
    apart: Sequence[str] = ()

    def write(self, path: Path, *, progress: Callable[[int], object] | None = None) -> None:
        """Write what the ending says: .parquet, .html, or a picture in .svg, .png or .pdf.

        A picture has a panel for each map, a page shows the first, a Parquet file holds the only
        one. The page contains the texts, with heatmaps by the method of the weighting, by LRP if it
        has none.

        Raises:
            InputError: If the ending is another, there are too many maps, the file cannot be
                written, or a library is not installed.
        """
        ending = path.suffix.lower()
        first = next(iter(self.maps.values()))
        if ending == ".parquet":
            if len(self.maps) > 1:
                raise InputError(
                    f"Got {len(self.maps)} weightings for {path}; a Parquet file holds one. Give a "
                    "folder, which gets a file for each."
                )
            write_parquet(first, path)
        elif ending in PICTURES:
            from whyword.render.plots import draw_maps

            points = {name: found.points for name, found in self.maps.items()}
            draw_maps(points, self.groups, path, apart=self.apart)
        elif ending == ".html":
            page = self._page(first, progress)
            try:
                path.write_text(page, encoding="utf-8")
            except OSError as error:
                raise InputError(f"Cannot write {path}: {error.strerror}.") from error
        else:
            raise InputError(
                f"Got {path}; expected a name in .parquet, .html, {', '.join(PICTURES)}."
            )

    def _page(self, shown: DocumentMap, progress: Callable[[int], object] | None) -> str:
        from whyword.render.map import map_page
        from whyword.render.plots import title_of

        weighting = Weighting.named(shown.weighting)
        explanations = stream(
            self.classifier,
            self.documents,
            method=weighting.method or "lrp",
            targets="predicted",
            progress=progress,
            **weighting.settings,
        )
        return map_page(
            shown.points,
            explanations,
            names=shown.names,
            labels=shown.labels,
            groups=self.groups,
            apart=self.apart,
            title=f"{len(shown)} documents by {title_of(shown.weighting)}",
        )


def map_corpus(
    classifier: Classifier,
    corpus: Corpus,
    documents: Sequence[Document],
    *,
    weightings: Sequence[str],
    projection: Projection = "pca",
    idf: Mapping[str, float] | None = None,
    progress: Callable[[int], object] | None = None,
) -> dict[str, DocumentMap]:
    """A map for each weighting.

    Args:
        classifier: The model.
        corpus: Names and true classes.
        documents: Its texts, tokenised by the classifier.
        weightings: Names as in `whyword.document_vectors.Weighting`.
        projection: As in `whyword.maps.project`.
        idf: For TF-IDF; by default of these documents.
        progress: Called with the number of texts done after each batch.

    Raises:
        InputError: As `document_vectors` and `project` do.
    """
    vectors = document_vectors(
        classifier, documents, weightings=weightings, idf=idf, progress=progress
    )
    labels = [corpus.classes[i] for i in corpus.labels]
    predicted = [classifier.classes[i] for i in predict(classifier, documents).argmax(axis=1)]
    return {
        name: DocumentMap(
            names=corpus.names,
            labels=labels,
            predicted=predicted,
            vectors=found,
            points=project(found, projection=projection),
            weighting=name,
            projection=projection,
        )
        for name, found in vectors.items()
    }
