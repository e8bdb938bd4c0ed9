"""Train the embedded appeal model: python -m popscore.training.appeal --data DIR --out FILE."""

import sys

from popscore.training.appeal.backbones import PURPOSE
from popscore.training.errors import ToolMissing, require


def main(argv: list[str] | None = None) -> int:
    """Run the recipe, see `train.main`. Returns 2 also where a package is missing that training needs."""
    try:
        require("onnx", "scipy", purpose=PURPOSE)
    except ToolMissing as error:
        print(error, file=sys.stderr)
        return 2
    from popscore.training.appeal.train import main as train

    return train(argv)


if __name__ == "__main__":
    sys.exit(main())
