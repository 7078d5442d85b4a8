"""One runner per task: an encoder, index or model in, an Evaluation out."""
