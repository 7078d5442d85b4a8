"""SimCLR: contrastive learning of images without labels."""
