"""The numbers of ResNet-50 that both accounts of it, in torch and in ONNX, are built from."""

SIDE_PX = 224  # rows and columns of the input
GRID = 7  # rows and columns of the last feature map
CHANNELS = 2048  # of the last feature map
EXPANSION = 4  # a stage gives EXPANSION * width channels
# (width, blocks, stride of the first block) of the four stages. Source: He et al. 2016, table 1.
STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
