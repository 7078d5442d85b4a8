"""ONNX graphs: building, batching and exporting them."""
