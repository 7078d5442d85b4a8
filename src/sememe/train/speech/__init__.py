"""Speech recognition: fine-tuning with the CTC loss."""
