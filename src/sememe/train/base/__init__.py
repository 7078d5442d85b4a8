"""What every recipe shares: the training loops, run and output folders, model cards."""
