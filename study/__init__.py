"""What this book asks of the method: networks, published numbers, probes, claims, figures."""
