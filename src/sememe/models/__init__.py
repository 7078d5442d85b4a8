"""Where weights come from, how they are checked, and the engines that run them."""
