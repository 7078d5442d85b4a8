"""Audio features: spectrograms, MFCC, statistics and their whitening."""
