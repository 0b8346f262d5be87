"""The suite `accuracy`: how far results are from those of float64, and how much Winograd's algorithm changes them."""
