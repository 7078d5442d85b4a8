"""Static distillation of a sentence encoder."""
