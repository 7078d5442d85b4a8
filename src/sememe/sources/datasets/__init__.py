"""Data to train on and to evaluate with: labelled files, image captions, transcripts."""
