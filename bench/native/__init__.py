"""Programs in C around a model, one per engine: what it costs to load it and get a first result without Python."""
