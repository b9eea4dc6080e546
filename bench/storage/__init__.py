"""What storage costs beside what it is made of: a write, a read, a checksum, a library, Apache Kafka's classes."""
