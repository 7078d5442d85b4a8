"""CLAP: audio and text towers, their graphs and features."""
