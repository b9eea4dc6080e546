"""For the tests of programs that use Kafka: the plugin, which pytest finds by itself (``kstore help testing``)."""
