"""CLIP: contrastive learning of images and captions."""
