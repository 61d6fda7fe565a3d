"""What is wrong where something differs: known mistakes, estimates, and the search for what explains a port's tensors."""
