"""Code generation: tasks to kernels, graphs to plans, plans to C. TVM is imported below this package only, on demand."""
