"""How ``cancel-movement`` finds elementwise ops that could run in another order of axes, and reorders
them."""
