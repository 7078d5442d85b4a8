"""Short compositions: jobs over texts that take an encoder and the functions of other rooms."""
