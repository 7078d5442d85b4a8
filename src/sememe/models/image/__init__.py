"""Image networks: EfficientNet, exported networks, preprocessing, ImageNet classes."""
