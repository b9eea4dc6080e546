"""What the replicas of a broker need from its controller: one actor for each kind of request."""
