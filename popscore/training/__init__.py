"""How models are made, converted and published; the only room that imports torch and onnx, each where it is needed."""
