// Writes down what Apache Kafka's own assignors decide, for test_consumer_assignors.py:
//
//     java -cp 'kafka/libs/*' MakeAssignments.java > kafka-4.4.0-assignments.json
//
// Every case is one rebalance: topics with their partitions, members with what they subscribe to and own, and what each
// member gets. Cases come in chains: a group whose members and topics change between rebalances, as real ones do.

import java.nio.ByteBuffer;
import java.util.*;
import java.util.stream.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.*;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.apache.kafka.common.*;

public class MakeAssignments {
    static final class Member {
        List<String> topics;
        List<TopicPartition> owned = List.of();
        int generation = -1;
        String instance;
    }

    static final Random random = new Random(7);
    static final List<String> cases = new ArrayList<>();

    static ConsumerPartitionAssignor make(String name) {
        return switch (name) {
            case "range" -> new RangeAssignor();
            case "roundrobin" -> new RoundRobinAssignor();
            case "sticky" -> new StickyAssignor();
            default -> new CooperativeStickyAssignor();
        };
    }

    static String quoted(String text) {
        return text == null ? "null" : '"' + text + '"';
    }

    static String hex(ByteBuffer bytes) {
        if (bytes == null) return null;
        StringBuilder out = new StringBuilder();
        for (ByteBuffer b = bytes.duplicate(); b.hasRemaining();) out.append(String.format("%02x", b.get()));
        return out.toString();
    }

    static String text(Collection<TopicPartition> partitions) {
        return partitions.stream().map(p -> "[\"" + p.topic() + "\"," + p.partition() + "]")
            .collect(Collectors.joining(",", "[", "]"));
    }

    static Map<String, List<TopicPartition>> round(String name, Map<String, Integer> topics, Map<String, Member> members) {
        List<PartitionInfo> infos = new ArrayList<>();
        topics.forEach((topic, count) -> {
            for (int i = 0; i < count; i++) infos.add(new PartitionInfo(topic, i, null, new Node[0], new Node[0]));
        });
        Cluster cluster = new Cluster("cluster", List.of(), infos, Set.of(), Set.of());
        Map<String, Subscription> subscriptions = new HashMap<>();
        List<String> said = new ArrayList<>();
        members.forEach((id, member) -> {
            ConsumerPartitionAssignor own = make(name);
            if (member.generation >= 0)
                own.onAssignment(new Assignment(member.owned), new ConsumerGroupMetadata("g", member.generation, id, Optional.ofNullable(member.instance)));
            ByteBuffer data = own.subscriptionUserData(new HashSet<>(member.topics));
            List<TopicPartition> owned = name.equals("cooperative-sticky") ? member.owned : List.of();
            Subscription subscription = new Subscription(member.topics, data, owned, member.generation, Optional.empty());
            subscription.setGroupInstanceId(Optional.ofNullable(member.instance));
            subscriptions.put(id, subscription);
            String wire = hex(ConsumerProtocol.serializeSubscription(subscription));
            said.add(quoted(id) + ":{\"topics\":" + member.topics.stream().map(MakeAssignments::quoted).collect(Collectors.joining(",", "[", "]"))
                + ",\"owned\":" + text(member.owned) + ",\"generation\":" + member.generation
                + ",\"instance\":" + quoted(member.instance) + ",\"subscription\":" + quoted(wire) + "}");
        });
        Map<String, Assignment> given = make(name).assign(cluster, new GroupSubscription(subscriptions)).groupAssignment();
        Map<String, List<TopicPartition>> result = new TreeMap<>();
        given.forEach((id, assignment) -> result.put(id, assignment.partitions()));
        cases.add("{\"assignor\":" + quoted(name)
            + ",\"topics\":" + topics.entrySet().stream().map(e -> quoted(e.getKey()) + ":" + e.getValue()).collect(Collectors.joining(",", "{", "}"))
            + ",\"members\":{" + String.join(",", said) + "}"
            + ",\"assigned\":" + result.entrySet().stream().map(e -> quoted(e.getKey()) + ":" + text(e.getValue())).collect(Collectors.joining(",", "{", "}"))
            + "}");
        return result;
    }

    static List<String> someOf(Collection<String> topics) {
        List<String> chosen = topics.stream().filter(t -> random.nextInt(3) > 0).collect(Collectors.toList());
        return chosen.isEmpty() ? List.of(topics.iterator().next()) : chosen;
    }

    static void chain(String name, boolean equal, boolean withStatic, int rounds) {
        Map<String, Integer> topics = new TreeMap<>();
        for (int i = 0, n = 1 + random.nextInt(4); i < n; i++) topics.put("topic-" + (char) ('a' + i), random.nextInt(equal && i > 0 ? 9 : 7));
        if (random.nextInt(3) == 0) topics.replaceAll((topic, count) -> topics.get("topic-a"));
        Map<String, Member> members = new TreeMap<>();
        int next = 0;
        int generation = 1;
        for (int i = 0, n = 1 + random.nextInt(5); i < n; i++) {
            Member member = new Member();
            member.topics = equal ? List.copyOf(topics.keySet()) : someOf(topics.keySet());
            if (withStatic && random.nextBoolean()) member.instance = "instance-" + random.nextInt(100) + "-" + next;
            members.put("consumer-" + Integer.toHexString(random.nextInt(0xFFFF)) + "-" + next++, member);
        }
        for (int round = 0; round < rounds; round++) {
            Map<String, List<TopicPartition>> given = round(name, topics, members);
            for (var entry : members.entrySet()) {
                boolean missed = random.nextInt(12) == 0 && entry.getValue().generation > 0;
                if (missed) continue;  // a member that missed a rebalance still claims what it had
                entry.getValue().owned = given.get(entry.getKey());
                entry.getValue().generation = generation;
            }
            generation++;
            int change = random.nextInt(5);
            if (change == 0 && members.size() > 1) members.remove(members.keySet().iterator().next());
            if (change == 1 || change == 2) {
                Member member = new Member();
                member.topics = equal ? members.values().iterator().next().topics : someOf(topics.keySet());
                members.put("consumer-" + Integer.toHexString(random.nextInt(0xFFFF)) + "-" + next++, member);
            }
            if (change == 3) topics.merge("topic-a", 1 + random.nextInt(4), Integer::sum);
            if (change == 4 && !equal) members.values().iterator().next().topics = someOf(topics.keySet());
            if (change == 4 && equal && members.size() > 2) {
                Iterator<String> it = members.keySet().iterator();
                it.next();
                it.next();
                it.remove();
            }
        }
    }

    public static void main(String[] arguments) {
        for (String name : List.of("range", "roundrobin")) {
            for (int i = 0; i < 12; i++) chain(name, i % 2 == 0, i % 3 == 0, 2);
        }
        for (String name : List.of("sticky", "cooperative-sticky")) {
            for (int i = 0; i < 30; i++) chain(name, i % 2 == 0, false, 5);
        }
        System.out.println("[\n" + String.join(",\n", cases) + "\n]");
    }
}
