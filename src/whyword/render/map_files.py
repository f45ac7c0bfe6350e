"""Writes maps of a corpus to files: tables, pictures, and pages to explore."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whyword.classifier import Classifier
from whyword.errors import InputError
from whyword.explainer import stream
from whyword.progress import OnProgress
from whyword.survey.maps import DocumentMap, write_parquet
from whyword.survey.vectors import Weighting
from whyword.text import Document

PICTURES = (".svg", ".png", ".pdf")


@dataclass(frozen=True)
class MappedCorpus:
    """Maps of the same documents by one or more weightings.

    Attributes:
        classifier: The model whose relevance weighted the words.
        documents: The tokenised texts.
        maps: The map of each weighting, by its name.
        groups: The group of each document, which chooses its colour.
        apart: Groups that are drawn in grey.
    """

    classifier: Classifier
    documents: Sequence[Document]
    maps: Mapping[str, DocumentMap]
    groups: Sequence[str]
    apart: Sequence[str] = ()

    def write(self, path: Path, *, progress: OnProgress | None = None) -> None:
        """Write a file in the format of its ending: .parquet, .html, .svg, .png or .pdf.

        A picture has a panel for each map, a page shows the first map, and a Parquet file holds the
        only one. The page contains the texts, with heatmaps by the method of the weighting, or by
        LRP if the weighting has no method.

        Raises:
            InputError: If there is no such format, there are too many maps, the file cannot be
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
            from whyword.render.scatter import draw_maps

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

    def _page(self, shown: DocumentMap, progress: OnProgress | None) -> str:
        from whyword.render.labels import weighting_label
        from whyword.render.map import map_page

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
            title=f"{len(shown)} documents by {weighting_label(shown.weighting)}",
        )
