"""Training data: image and audio files, waveforms, augmentation."""
