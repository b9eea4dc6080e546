"""The classic group protocol: JoinGroup, SyncGroup, Heartbeat and LeaveGroup, and the rebalances that they cause."""
