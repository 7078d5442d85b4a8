"""The command `sememe evaluate`."""
