"""How ``choose-layouts`` decides: what each node could be (``alternatives``), what is cheapest together (``pbqp``), and
the regions that result (``regions``)."""
