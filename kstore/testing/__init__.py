"""The pytest plugin for tests of programs that use Kafka; pytest finds it by itself (``kstore help testing``)."""
