"""Tree ensembles of ONNX: from the attributes of a node to a ``Forest``."""
