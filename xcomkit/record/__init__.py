"""Running the notebooks, judging them, and the record that is handed over."""
