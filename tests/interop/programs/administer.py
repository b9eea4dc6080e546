"""Administers a cluster by a third-party client, a line a finding: ``administer.py CLIENT BOOTSTRAP TOPIC``.

The topic has two partitions with ten records each, and the group ``admins`` has committed 3 for both.
"""

import sys
import warnings

warnings.simplefilter("ignore")  # the clients' own

client, bootstrap, topic = sys.argv[1:]


def by_kafka_python() -> None:
    from kafka import KafkaAdminClient, TopicPartition
    from kafka.admin import ConfigResource, ConfigResourceType

    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    places = [TopicPartition(topic, number) for number in (0, 1)]
    found = admin.delete_records({places[0]: 7, places[1]: -1}, timeout_ms=10_000)
    print("low watermarks", *[found[place]["low_watermark"] for place in places])
    # this client asks for what is set already, and sends it along
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"segment.ms": "70000"})], incremental=False)
    configs = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])["topic"][topic]
    print("configs", *[f"{name}={configs[name]['value']}" for name in sorted(configs)])
    described = admin.describe_topic_partitions([topic])
    print("partitions", len(described["topics"][0]["partitions"]))
    for told in admin.describe_log_dirs([topic]):
        (directory,) = told["log_dirs"]
        ((name, partitions),) = [(each["name"], each["partitions"]) for each in directory["topics"]]
        sizes = {each["partition_index"]: each["partition_size"] for each in partitions}
        print("on disk", told["broker"], directory["error_code"], name, sorted(sizes), all(sizes.values()))
    admin.elect_leaders(0, {topic: [0, 1]})
    print("elected")
    admin.delete_group_offsets("admins", [places[0]])
    print("committed", *[each.partition for each in admin.list_group_offsets("admins")["admins"]])


def by_confluent() -> None:
    from confluent_kafka import ConsumerGroupTopicPartitions, ElectionType, TopicCollection, TopicPartition
    from confluent_kafka.admin import AdminClient, ConfigResource

    admin = AdminClient({"bootstrap.servers": bootstrap})
    places = [TopicPartition(topic, number) for number in (0, 1)]
    wanted = [TopicPartition(topic, 0, 7), TopicPartition(topic, 1, -1)]
    found = {each.partition: future.result() for each, future in admin.delete_records(wanted).items()}
    print("low watermarks", *[found[number].low_watermark for number in (0, 1)])
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, set_config={"segment.ms": "70000"})
    admin.alter_configs([resource])[resource].result()
    plain = ConfigResource(ConfigResource.Type.TOPIC, topic)
    configs = admin.describe_configs([plain])[plain].result()
    print("configs", *[f"{name}={configs[name].value}" for name in sorted(configs) if configs[name].source == 1])
    described = admin.describe_topics(TopicCollection([topic]))[topic].result()
    print("partitions", len(described.partitions))
    admin.elect_leaders(ElectionType.PREFERRED, places).result()
    print("elected")
    offsets = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("admins")])["admins"].result()
    print("committed", *sorted(each.partition for each in offsets.topic_partitions))


{"kafka-python": by_kafka_python, "confluent-kafka": by_confluent}[client]()
