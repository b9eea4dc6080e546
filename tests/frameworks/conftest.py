"""The applications have environments of their own, where ``make test-frameworks`` runs them; nothing else does."""

collect_ignore = ["apps"]
