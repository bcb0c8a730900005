"""What the workloads measure with: pinned processes, alternating rounds, medians, and a table of ratios."""
