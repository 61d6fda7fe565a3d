"""What the three implementations share: data, initial parameters, configuration, and the harness that compares them."""
