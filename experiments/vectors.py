"""EPI of a model on 20 Newsgroups, every weighting: writes results/epi.json.

python experiments/vectors.py [MODEL]
"""

import json
import sys
from pathlib import Path

from whyword import corpora, load
from whyword.classifier import predict
from whyword.document_vectors import (
    FIGURE_3,
    document_vectors,
    inverse_document_frequencies,
    tokenised,
)
from whyword.evaluation.vectors import epi, gap

ROOT = Path(__file__).parent.parent
WEIGHTINGS = (*FIGURE_3, "gradient_x_input-elementwise", "gradient_x_input")


def main() -> None:
    """Some five minutes on one core."""
    name = sys.argv[1] if len(sys.argv) > 1 else "news20-cnn"
    model, test = load(name), corpora.news20("test")
    documents = tokenised(model, test.texts)
    idf = inverse_document_frequencies(tokenised(model, corpora.news20("train").texts))
    vectors = document_vectors(model, documents, weightings=WEIGHTINGS, idf=idf)
    found = {weighting: epi(vectors[weighting], test.labels) for weighting in WEIGHTINGS}
    best = found[WEIGHTINGS[0]]
    accuracy = (predict(model, documents).argmax(axis=1) == test.labels).mean()
    result = {
        "model": Path(name).name,
        "accuracy": float(accuracy),
        "documents": len(test),
        "epi": {
            weighting: index.to_dict()
            | dict(zip(("below_lrp_elementwise", "standard_error"), gap(best, index), strict=True))
            for weighting, index in found.items()
        },
    }
    path = ROOT / "results" / "epi.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
