"""Classifiers of images and audio: probes and fine-tuning."""
