"""For the tests of programs that use Kafka: the pytest plugin, which pytest finds by itself (`kstore help testing`)."""
