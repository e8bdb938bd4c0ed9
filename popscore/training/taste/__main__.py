"""Learn how tastes differ: `python -m popscore.training.taste --data DIR --out popscore/personal/models/taste.npz`.

DIR holds `oasis/` (photos, labels, `ratings.csv.gz`) and `avt/` (photos, labels). From all people and all photos; the
same data give the same file. `tests/benchmarks/taste.py` says what it is worth on people and photos it was not learnt
from.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from popscore.errors import PopscoreError
from popscore.files.atomic import check_target, replacing
from popscore.personal.taste_prior import prior_bytes
from popscore.training.appeal.data import FOLDS
from popscore.training.errors import require


def main(argv: list[str] | None = None) -> int:
    """Run the recipe. Returns 0, or 2 when data or a package are missing."""
    parser = argparse.ArgumentParser(prog="python -m popscore.training.taste", description=str(__doc__).split(":")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with oasis/ and avt/")
    parser.add_argument("--out", type=Path, required=True, help="the .npz file to write")
    parser.add_argument("--kept", type=Path, help="file that keeps what the model sees in the photos for the next run")
    options = parser.parse_args(argv)
    try:
        check_target(options.out)
        require("onnx", "scipy", purpose="Learning tastes")
        from popscore.training.taste.factors import fit_prior
        from popscore.training.taste.people import read_people
        from popscore.training.taste.unseen import scores_without_own_fold, theme_folds

        people = read_people(options.data, kept=options.kept)
        general = scores_without_own_fold(people, theme_folds(people.themes, FOLDS, seed=0))
        prior = fit_prior(people, np.arange(len(people.ratings)), np.arange(people.count), general)
        with replacing(options.out) as stream:
            stream.write(prior_bytes(prior))
    except PopscoreError as error:
        print(error, file=sys.stderr)
        return 2
    loadings = prior.see(people.embeddings[: people.count], np.zeros(people.count)).loadings
    share = float((loadings**2).sum(axis=1).mean())
    print(f"{len(people.ratings)} people, {people.count} photos; the factors carry {share:.3f} of a rating's variance")
    return 0


if __name__ == "__main__":
    sys.exit(main())
