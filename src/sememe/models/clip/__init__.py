"""CLIP: image and text towers, their graphs, and learnt projections."""
