"""Train the paper's transformer: `python -m popscore.training.aggregation --data DIR --out FILE.pt`.

DIR holds `oasis/` (photos, labels, `ratings.csv.gz`) and `avt/` (photos, labels), as for `popscore.training.taste`.
From all people and all photos. Nothing of popscore uses the file: on people and photos not seen, what ships does
better (LOG.md). `tests/benchmarks/aggregation.py` measures both. Needs torch.
"""

import argparse
import os
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from popscore.errors import PopscoreError
from popscore.files.atomic import check_target
from popscore.training.appeal.data import FOLDS
from popscore.training.errors import require


def main(argv: list[str] | None = None) -> int:
    """Run the recipe. Returns 0, or 2 when data, the depth network or a package are missing."""
    from popscore.training.aggregation.depth import SETTING

    parser = argparse.ArgumentParser(
        prog="python -m popscore.training.aggregation", description=str(__doc__).split(":")[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with oasis/ and avt/")
    parser.add_argument("--out", type=Path, required=True, help="the .pt file to write")
    parser.add_argument("--depth", type=Path, help=f"an ONNX depth network; by default what {SETTING} names")
    parser.add_argument("--kept", type=Path, help="file that keeps what the model sees in the photos for the next run")
    parser.add_argument("--epochs", type=int, help="rounds; by default those of the recipe")
    options = parser.parse_args(argv)
    try:
        check_target(options.out)
        require("torch", "onnx", "scipy", purpose="Training the aggregation transformer")
        from popscore.models import load_model
        from popscore.settings import Settings
        from popscore.training.aggregation.depth import DepthNetwork
        from popscore.training.aggregation.histories import of_person
        from popscore.training.aggregation.material import material_of
        from popscore.training.aggregation.network import Shape
        from popscore.training.aggregation.photos import look
        from popscore.training.aggregation.train import Recipe, train
        from popscore.training.checkpoint import keep
        from popscore.training.taste.people import read_people
        from popscore.training.taste.unseen import scores_without_own_fold, theme_folds

        named = options.depth or (Path(os.environ[SETTING]) if os.environ.get(SETTING) else None)
        network_of_depth = DepthNetwork(named) if named else None
        if network_of_depth is None:
            print(f"No depth network is named ({SETTING} or --depth): the five depth features are left out.")
        recipe = Recipe() if options.epochs is None else Recipe(epochs=options.epochs)
        people = read_people(options.data)
        files = [photo.file for photo in people.photos[: people.count]]
        seen = look(files, load_model(Settings()), depth=network_of_depth, kept=options.kept)
        general = scores_without_own_fold(people, theme_folds(people.themes, FOLDS, seed=0))
        photos = np.arange(people.count)
        material, projection = material_of(people, seen, general, photos, recipe)
        shape = Shape(channels=material.maps.shape[2], depth=material.depth is not None)
        histories = [of_person(row) for row in people.ratings]
        network = train(
            material, histories, photos, shape, recipe,
            on_epoch=lambda epoch, loss, _: print(f"epoch {epoch}: {loss:.4f} a pair", flush=True),
        )  # fmt: skip
        state = {
            "config": {
                "model_sha256": people.sha256,
                "depth": named.name if named else None,
                "shape": asdict(shape),
                "recipe": asdict(recipe),
            },
            "network": network.state_dict(),
            **projection.tensors(),
        }
        keep(options.out, state)
    except PopscoreError as error:
        print(error, file=sys.stderr)
        return 2
    numbers = sum(weights.numel() for weights in network.parameters())
    print(f"{len(histories)} people, {len(files)} photos, {numbers:,} weights: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
