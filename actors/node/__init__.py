"""What the actors of a broker's node share: its folder, its view of the cluster, and the authorizer."""
