"""Audio encoders and speech recognition."""
