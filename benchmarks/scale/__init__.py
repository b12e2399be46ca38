"""What a deploy costs at 10, 100 and 1,000 replicas: `python -m benchmarks.scale --help`."""
