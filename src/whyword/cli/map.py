"""``whyword map``: draws the documents of a corpus as points, alike ones near each other."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whyword.cli.corpus import corpus_options
from whyword.data.extras import require
from whyword.data.files import make_folder
from whyword.data.parquet import pyarrow
from whyword.errors import InputError

if TYPE_CHECKING:
    from whyword.classifier import Classifier
    from whyword.render.map_files import MappedCorpus

ENDINGS = (".parquet", ".html", ".svg", ".png", ".pdf")


@click.command("map")
@corpus_options(split="test")
@click.option(
    "--weighting",
    "-w",
    default="lrp-elementwise",
    show_default=True,
    metavar="NAME,...|figure3",
    help="How a document's word vectors are weighted: sum (not at all), tfidf, a method (by its "
    "relevance: lrp, sa, ...), a method with -elementwise (component by component), or sa-l2 (the "
    "length of the gradient).",
)
@click.option(
    "--projection",
    default="pca",
    show_default=True,
    metavar="pca|umap",
    help="How the document vectors become points in two dimensions.",
)
@click.option(
    "--colour",
    type=click.Choice(["class", "top-level"]),
    help="Colour documents by class, or by the part of its name before the first dot.  "
    "[20news: top-level; else: class]",
)
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR|FILE",
    help="File to write, in .parquet, .html, .svg, .png or .pdf; or a folder for all but the last.",
)
@click.option(
    "--limit", type=click.IntRange(min=2), help="Most documents to map, drawn at random.  [all]"
)
def map_(
    model: str,
    corpus: str,
    split: Any,
    text: str,
    label: str,
    encoding: str,
    weighting: str,
    projection: Any,
    colour: str | None,
    output: Path,
    limit: int | None,
) -> None:
    """Map a corpus by what the classifier found relevant in each document.

    Each word has a vector. The vectors are weighted by the words' relevance for the predicted
    class, added up, and projected to two dimensions (Arras et al. 2016, section 3.5). The .html
    page contains the texts.
    """
    paths = _paths(output)
    for ending in {path.suffix.lower() for path in paths}:
        if ending == ".parquet":
            pyarrow()
        elif ending != ".html":
            require("matplotlib", extra="corpus", what=f"A map in {ending}")
    from whyword.classifier import tokenised
    from whyword.cli.progress import phases
    from whyword.data import corpora
    from whyword.models.adapting import as_classifier
    from whyword.models.store import load
    from whyword.render.map_files import MappedCorpus
    from whyword.survey.maps import check_projection, map_corpus, top_level
    from whyword.survey.vectors import FIGURE_3, Weighting

    names = FIGURE_3 if weighting == "figure3" else tuple(dict.fromkeys(weighting.split(",")))
    for name in names:
        Weighting.named(name)
    check_projection(projection)
    source = {"text": text, "label": label, "encoding": encoding}
    documents = corpora.load_corpus(corpus, split, **source).sample(limit)
    classifier = as_classifier(load(model))
    texts = tokenised(classifier, documents.texts)
    idf = _idf(classifier, corpus, source) if "tfidf" in names else None
    with phases() as progress:
        maps = map_corpus(
            classifier,
            documents,
            documents=texts,
            weightings=names,
            projection=projection,
            idf=idf,
            progress=progress,
        )
    labels = next(iter(maps.values())).labels
    newsgroups = corpus == corpora.NEWS20
    by_top_level = colour == "top-level" or (colour is None and newsgroups)
    mapped = MappedCorpus(
        classifier,
        texts,
        maps,
        groups=[top_level(name) for name in labels] if by_top_level else labels,
        apart=("misc",) if by_top_level and newsgroups else (),
    )
    for path in paths:
        if path.suffix == ".parquet" and path.parent == output:
            for name in names:
                _write(replace(mapped, maps={name: maps[name]}), output / f"{name}.parquet")
        else:
            _write(mapped, path)


def _write(mapped: "MappedCorpus", path: Path) -> None:
    from whyword.cli.progress import phases

    show = path.suffix.lower() == ".html"
    with phases(show=show) as progress:
        mapped.write(path, progress=progress)
    click.echo(f"Wrote {path}.", err=True)


def _paths(output: Path) -> list[Path]:
    """Return the files to write: the one given, or those of the folder given, which is made."""
    ending = output.suffix.lower()
    if ending in ENDINGS and not output.is_dir():
        return [output]
    if ending and not output.is_dir():
        raise InputError(
            f"Got --output {output}; expected a folder, or a file in {', '.join(ENDINGS)}."
        )
    make_folder(output)
    return [output / f"map{ending}" for ending in ENDINGS if ending != ".pdf"]


def _idf(classifier: "Classifier", corpus: str, source: dict[str, str]) -> dict[str, float] | None:
    """Return inverse document frequencies of the training part; None if there are no parts."""
    from whyword.classifier import tokenised
    from whyword.data import corpora
    from whyword.survey.vectors import inverse_document_frequencies

    if corpus != corpora.NEWS20 and not (Path(corpus) / "train").is_dir():
        click.echo("TF-IDF: document frequencies of the documents mapped.", err=True)
        return None
    click.echo("TF-IDF: document frequencies of the training part.", err=True)
    documents = tokenised(classifier, corpora.load_corpus(corpus, "train", **source).texts)
    return inverse_document_frequencies(documents)
