"""What each notebook does, one module per step; a notebook's cell is a sentence of these."""
