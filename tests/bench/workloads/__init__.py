"""One file for each workload: `run(bench)` answers its rows."""
