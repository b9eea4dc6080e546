"""Nodes that are killed and come back on their folders: what is recovered, and how little is looked at for it."""

from cluster.speaking import Speaker
from partition.client import batch

from kstore.log.checkpoints import RECOVERY_POINTS, read_offsets

SEGMENT_BYTES = 1 << 20
CHECKPOINT_S = 60
READY_S = 60


def fill(client: Speaker, megabytes: int) -> int:
    """Append so much, in batches of 64 KiB; the end offset."""
    before = client.replica(client.leader("t"), "t").log.end_offset
    wanted = before + 16 * megabytes
    for number in range(before, wanted):
        client.put_later("t", batch(b"%09d" % number + b"x" * 65_500))
    client.cluster.wait_for(lambda: client.replica(client.leader("t"), "t").log.high_watermark == wanted)
    client.run(1)
    return wanted


def checkpointed(client: Speaker, node: int) -> int:
    """The recovery point of the partition in a node's file."""
    return read_offsets(client.cluster.folders[node].fs, RECOVERY_POINTS).get(("t", 0), 0)


def come_back(client: Speaker, node: int) -> None:
    client.cluster.kill_node(node)
    client.cluster.restart_node(node)
    client.cluster.wait_for(client.cluster.is_ready, READY_S)
    client.wait_for_isr("t")


def test_segments_that_are_on_the_disk_are_not_walked_again_after_a_kill(start, kept):
    client = start(**kept)
    client.create("t", segment_bytes=str(SEGMENT_BYTES))
    end = fill(client, 5)
    client.run(CHECKPOINT_S + 1)
    for node in (1, 2, 3):
        active = client.replica(node, "t").log.segments.active.base_offset
        assert checkpointed(client, node) == active > 0.6 * end
    node = client.followers("t")[0]
    come_back(client, node)
    report = client.replica(node, "t").log.recovery
    assert (report.clean, report.walked_segments, report.cut_bytes) == (False, 1, 0)
    assert client.replica(node, "t").log.end_offset == end
    client.say("t", b"after")
    client.run(1)
    assert client.logs_are_equal("t")


def test_without_a_checkpoint_everything_is_walked(start, kept):
    client = start(**kept)
    client.create("t", segment_bytes=str(SEGMENT_BYTES))
    end = fill(client, 3)
    node = client.followers("t")[0]
    segments = len(client.replica(node, "t").log.segments)
    come_back(client, node)
    assert client.replica(node, "t").log.recovery.walked_segments == segments > 2
    assert client.replica(node, "t").log.end_offset == end


def test_after_a_stop_in_order_nothing_is_walked(start, tmp_path):
    client = start(data_dir=str(tmp_path))
    client.create("t", segment_bytes=str(SEGMENT_BYTES))
    end = fill(client, 3)
    client.cluster.close()
    again = start(data_dir=str(tmp_path))
    again.wait_for_leader("t")
    for node in (1, 2, 3):
        log = again.replica(node, "t").log
        assert (log.recovery.clean, log.recovery.walked_segments, log.end_offset) == (True, 0, end)
        assert checkpointed(again, node) == end


def test_the_checkpoint_falls_with_a_truncation_at_once(start, kept):
    client = start(config={"auto.leader.rebalance.enable": "false"}, **kept)
    client.create("t", segment_bytes=str(SEGMENT_BYTES))
    if client.leader("t") == 1:
        come_back(client, 1)
    old = client.leader("t")
    others = [node for node in (1, 2, 3) if node != old]
    end = fill(client, 1)
    client.cluster.net.cut([old], others)
    for _ in range(40):
        client.put("t", batch(b"lost" + b"x" * 65_500), acks=1, node=old)
    client.run(1)
    client.replica(old, "t").log.flush()
    client.cluster.wait_for(lambda: client.cluster.image(1).topics["t"].partitions[0].leader != old)
    client.run(CHECKPOINT_S + 5)
    assert checkpointed(client, old) > end
    client.cluster.net.heal()
    client.cluster.wait_for(lambda: client.replica(old, "t").log.end_offset == end)
    client.run(0.1)
    assert checkpointed(client, old) <= end
    client.wait_for_isr("t")
    assert client.logs_are_equal("t")


def test_a_torn_end_is_cut_off_and_fetched_again(start, kept):
    client = start(**kept)
    client.create("t")
    for number in range(5):
        client.say("t", b"%d" % number)
    node = next(n for n in client.followers("t") if n != 1)
    client.cluster.kill_node(node)
    name = "t-0/00000000000000000000.log"
    whole = client.file(node, name)
    client.cluster.folders[node].fs.replace(name, whole[:-7])
    client.cluster.restart_node(node)
    client.wait_for_isr("t")
    client.run(1)
    assert client.replica(node, "t").log.recovery.cut_bytes > 0
    assert client.logs_are_equal("t")
    assert client.everything("t") == [b"%d" % number for number in range(5)]


def test_a_wrong_byte_in_the_middle_is_found_and_the_rest_fetched_again(start, kept):
    client = start(**kept)
    client.create("t")
    for number in range(5):
        client.say("t", b"%d" % number)
    node = next(n for n in client.followers("t") if n != 1)
    client.cluster.kill_node(node)
    name = "t-0/00000000000000000000.log"
    whole = bytearray(client.file(node, name))
    whole[len(whole) // 2] ^= 1
    client.cluster.folders[node].fs.replace(name, bytes(whole))
    client.cluster.restart_node(node)
    client.wait_for_isr("t")
    client.run(1)
    assert client.logs_are_equal("t")
    assert client.everything("t") == [b"%d" % number for number in range(5)]


def test_a_node_that_lost_its_whole_folder_of_a_partition_gets_it_again(start, kept):
    client = start(**kept)
    client.create("t")
    for number in range(5):
        client.say("t", b"%d" % number)
    node = next(n for n in client.followers("t") if n != 1)
    client.cluster.kill_node(node)
    client.cluster.folders[node].fs.remove_tree("t-0")
    client.cluster.restart_node(node)
    client.wait_for_isr("t")
    client.run(1)
    assert client.logs_are_equal("t")


def test_a_cluster_that_is_killed_again_and_again_keeps_what_it_acknowledged(start, kept):
    client = start(**kept)
    client.create("t", partitions=3, segment_bytes=str(SEGMENT_BYTES))
    producer = client.producer()
    said = []
    for number in range(12):
        records = producer.batch(b"%d" % number)
        client.wait_for_leader("t", 0)
        answer = client.put("t", records)
        assert (answer.error_code, answer.base_offset) == (0, number)
        said.append(b"%d" % number)
        killed = [1, 2, 3] if number % 4 == 3 else [1 + number % 3]
        for node in killed:
            client.cluster.kill_node(node)
        client.run(0.3)
        for node in killed:
            client.cluster.restart_node(node)
        client.cluster.wait_for(client.cluster.is_ready, READY_S)
        client.wait_for_leader("t", 0)
        assert client.put("t", records).base_offset == number
    assert client.everything("t") == said
    client.wait_for_isr("t")
    client.run(1)
    assert client.logs_are_equal("t")
