"""The commands `sememe train ...`."""
