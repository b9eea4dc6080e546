"""Gives a topic the configs that projects give theirs, by a third-party client, and reads them back:
``configure.py CLIENT BOOTSTRAP``.
"""

import asyncio
import sys
import warnings

warnings.simplefilter("ignore")  # the clients' own

client, bootstrap = sys.argv[1:]
TOPIC = "orders"
WANTED = {"cleanup.policy": "compact", "retention.ms": "3600000", "remote.log.copy.disable": "true"}
CHANGED = {"retention.ms": "7200000"}


def told(configs: dict[str, tuple[str, bool]]) -> None:
    """Values, and whether they are defaults, of what was set and of what wasn't."""
    print("keys", len(configs))
    for name in (*WANTED, "delete.retention.ms"):
        print(name, *configs[name])


def by_kafka_python() -> None:
    from kafka import KafkaAdminClient
    from kafka.admin import ConfigResource, ConfigResourceType, NewTopic

    admin = KafkaAdminClient(bootstrap_servers=bootstrap)

    def described() -> dict[str, tuple[str, bool]]:
        plain = ConfigResource(ConfigResourceType.TOPIC, TOPIC)
        found = admin.describe_configs([plain], config_filter="all")["topic"][TOPIC]
        return {name: (each["value"], each["config_source"] == "DEFAULT_CONFIG") for name, each in found.items()}

    admin.create_topics([NewTopic(TOPIC, 1, 1, topic_configs=WANTED)])
    told(described())
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC, CHANGED)])
    print("then", described()["retention.ms"][0])


def by_confluent() -> None:
    from confluent_kafka.admin import (
        AdminClient,
        AlterConfigOpType,
        ConfigEntry,
        ConfigResource,
        NewTopic,
    )

    admin = AdminClient({"bootstrap.servers": bootstrap})
    plain = ConfigResource(ConfigResource.Type.TOPIC, TOPIC)

    def described() -> dict[str, tuple[str, bool]]:
        found = admin.describe_configs([plain])[plain].result()
        return {name: (each.value, each.is_default) for name, each in found.items()}

    admin.create_topics([NewTopic(TOPIC, 1, 1, config=WANTED)])[TOPIC].result()
    told(described())
    entries = [ConfigEntry(k, v, incremental_operation=AlterConfigOpType.SET) for k, v in CHANGED.items()]
    change = ConfigResource(ConfigResource.Type.TOPIC, TOPIC, incremental_configs=entries)
    admin.incremental_alter_configs([change])[change].result()
    print("then", described()["retention.ms"][0])


async def by_aiokafka() -> None:
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic
    from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()

    async def described() -> dict[str, tuple[str, bool]]:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC)])
        (resource,) = answer.resources
        return {name: (value, source == 5) for name, value, _, source, *_ in resource[4]}

    await admin.create_topics([NewTopic(TOPIC, 1, 1, topic_configs=WANTED)])
    told(await described())
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC, CHANGED)])
    print("then", (await described())["retention.ms"][0])
    await admin.close()


if client == "aiokafka":
    asyncio.run(by_aiokafka())
else:
    {"kafka-python": by_kafka_python, "confluent-kafka": by_confluent}[client]()
