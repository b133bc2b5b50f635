"""ONNX: the format that most runtimes read."""
