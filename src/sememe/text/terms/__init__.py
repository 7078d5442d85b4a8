"""Terms of keyword search: script runs, Hangul stems and syllables, stop words."""
