"""Networks of ONNX files."""
