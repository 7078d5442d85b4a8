"""Where weights come from: catalogue, hub, cache, safetensors and torch files."""
