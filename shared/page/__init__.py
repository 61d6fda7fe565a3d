"""results/index.html: one self-contained page that explains a comparison, made from results.json alone."""
