"""Code generation: tasks to kernels, graphs to plans, plans to C. TVM is imported only below this package."""
