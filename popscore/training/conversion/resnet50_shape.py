"""The numbers of ResNet-50 that every account of it is built from: in torch, in ONNX, with random weights."""

from __future__ import annotations

SIDE_PX = 224  # rows and columns of the input
GRID = 7  # rows and columns of the last feature map
CHANNELS = 2048  # of the last feature map
STEM = 64  # channels of the first convolution
EXPANSION = 4  # a stage gives EXPANSION * width channels
# (width, blocks, stride of the first block) of the four stages. Source: He et al. 2016, table 1.
STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))


def weight_shapes() -> dict[str, tuple[int, ...]]:
    """Shape of every weight, by torchvision's names and in its order, for one output and without batch counters."""
    shapes: dict[str, tuple[int, ...]] = {}

    def convolution(conv: str, norm: str, outputs: int, inputs: int, side: int) -> None:
        shapes[f"{conv}.weight"] = (outputs, inputs, side, side)
        shapes.update({f"{norm}.{part}": (outputs,) for part in ("weight", "bias", "running_mean", "running_var")})

    convolution("conv1", "bn1", STEM, 3, 7)
    inputs = STEM
    for number, (width, blocks, _) in enumerate(STAGES, start=1):
        for block in range(blocks):
            name, outputs = f"layer{number}.{block}", EXPANSION * width
            convolution(f"{name}.conv1", f"{name}.bn1", width, inputs, 1)
            convolution(f"{name}.conv2", f"{name}.bn2", width, width, 3)
            convolution(f"{name}.conv3", f"{name}.bn3", outputs, width, 1)
            if block == 0:
                convolution(f"{name}.downsample.0", f"{name}.downsample.1", outputs, inputs, 1)
            inputs = outputs
    shapes["fc.weight"], shapes["fc.bias"] = (1, CHANNELS), (1,)
    return shapes
