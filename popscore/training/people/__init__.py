"""Turns the networks that see people into ONNX files, from the registry packages that carry their weights."""
