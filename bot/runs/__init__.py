"""How a run is carried out: the dispatcher starts stretches, the walker walks them, DBOS makes them durable."""
