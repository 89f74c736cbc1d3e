"""Are runs distinguishable? Paired tests on the same images, tests over seeds, many models over several datasets."""
