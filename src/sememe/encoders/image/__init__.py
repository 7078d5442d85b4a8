"""Image encoders and what refines them."""
