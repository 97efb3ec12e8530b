"""The Home page: cards of the experiments, first questions, and what trains now."""
