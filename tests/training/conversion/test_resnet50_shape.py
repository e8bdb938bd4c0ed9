"""The table of ResNet-50's weights is torchvision's. Needs no torch."""

from commands import ROOT

from popscore.training.conversion.resnet50_shape import weight_shapes


def test_names_shapes_and_order_are_torchvisions() -> None:
    """The list was written by torchvision itself; its first line says which."""
    lines = (ROOT / "tests" / "data" / "resnet50_layers.txt").read_text().splitlines()[1:]
    wanted = [line for line in lines if "num_batches_tracked" not in line]
    assert [f"{name} {'x'.join(map(str, shape))}" for name, shape in weight_shapes().items()] == wanted
