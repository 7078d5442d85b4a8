"""From a query to hits: rankings, their fusion, the passages shown."""
