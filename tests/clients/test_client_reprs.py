"""What a prompt shows of clients, of a cluster's parts, and of the answers of a trace."""

from __future__ import annotations

from kstore import Cluster, Producer, TopicPartition


def test_a_prompt_shows_who_a_client_is_and_where_it_is() -> None:
    with Cluster(2) as cluster:
        producer = cluster.producer()
        assert repr(producer) == "<Producer producer-1 to broker-1, broker-2>"
        assert repr(cluster.admin(client_id="me")) == "<Admin me to broker-1, broker-2>"
        producer.close()
        assert repr(producer).endswith(" closed>")


def test_a_prompt_shows_what_a_consumer_reads() -> None:
    with Cluster(1) as cluster:
        consumer = cluster.consumer("b", "a", group_id="g", client_id="me")
        assert repr(consumer) == "<Consumer me group=g topics=['a', 'b'] to broker-1>"
        consumer = cluster.consumer(client_id="me")
        consumer.assign([TopicPartition("t", 0)])
        assert repr(consumer) == "<Consumer me group=None topics=['t'] to broker-1>"


def test_a_prompt_shows_the_servers_of_a_client_over_tcp() -> None:
    with Cluster(1, listen="127.0.0.1:0") as cluster:
        servers = cluster.bootstrap_servers
        with Producer(bootstrap_servers=servers, client_id="me") as producer:
            assert repr(producer) == f"<Producer me to {servers}>"


def test_a_prompt_shows_an_answer_of_the_trace_as_its_text() -> None:
    with Cluster(1, seed=1) as cluster:
        cluster.create_topic("t")
        cluster.producer().send("t", b"a").get(timeout=10)
        trace = cluster.trace
        answers = [trace.why_leader("t", 0), trace.why_rebalance("g"), trace.record("t", 0, 0)]
        answers.append(trace.actor("broker-1#1/controller"))
        assert [repr(answer) for answer in answers] == [str(answer) for answer in answers]
        assert repr(trace) == f"<Trace of {len(trace.recording):,} rows>"
        assert repr(cluster.faults).startswith("<Faults of <Cluster ")
