"""A Dag run under the effective environment, and what its tasks, rows and objects prove."""
