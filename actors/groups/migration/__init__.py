"""Groups on their way from one protocol to the other, and members of the classic protocol in consumer groups."""
