"""What all actors of a broker's node share: its folder, its view of the cluster, and who may do what with it."""
