"""What makes a notebook a step: Step, form, display, progress and Jupyter."""
