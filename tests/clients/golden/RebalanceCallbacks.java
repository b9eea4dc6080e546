// What Apache Kafka's consumer tells its listener in a group of the consumer protocol (KIP-848): which callback, of
// which partitions, what it holds meanwhile, and that it is called in the thread of the user. An assignment of nothing
// isn't printed: whether it is told depends on how quick the broker is.
//
//   java -cp "$(python -m bench.peers.kafka libs)/*" tests/clients/golden/RebalanceCallbacks.java BOOTSTRAP \
//       > tests/clients/golden/rebalance_callbacks.txt
//
// against a cluster with group.consumer.assignment.interval.ms=0 and heartbeats each 50 ms.

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

public class RebalanceCallbacks {
    static final String FOUR = "four", ONE = "one", ANOTHER = "another", DOOMED = "doomed";
    static final String RUN = "callbacks-" + System.nanoTime() + "-";
    static final Thread USER = Thread.currentThread();
    static final int LONG_MS = 40_000, A_BIT_MS = 1_500;
    static String bootstrap;
    static Admin admin;
    static int groups;

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        try (Admin made = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin = made;
            List<NewTopic> topics = new ArrayList<>();
            for (String name : List.of(ONE, ANOTHER, DOOMED)) topics.add(new NewTopic(RUN + name, 1, (short) 1));
            topics.add(new NewTopic(RUN + FOUR, 4, (short) 1));
            admin.createTopics(topics).all().get();
            anotherJoins();
            subscriptionsChange();
            forgotten();
            pollsTooSeldom();
            nothingForOne();
            staticMember();
            listenerFails();
            topicIsDeleted();
            matchedByTheBroker();
        }
    }

    static void anotherJoins() {
        System.out.println("# another member joins, and closes");
        String group = group();
        Member first = new Member("first", group).reads(FOUR).until(4);
        Member second = new Member("second", group).reads(FOUR);
        poll(() -> first.count() == 2 && second.count() == 2, first, second);
        second.consumer.close();
        first.until(4).consumer.close();
    }

    static void subscriptionsChange() {
        System.out.println("# a member reads other topics");
        Member member = new Member("member", group()).reads(FOUR).until(4);
        member.consumer.unsubscribe();
        System.out.println("unsubscribed, holding " + shown(member.consumer.assignment()));
        member.reads(ONE).until(1).reads(ONE, FOUR).until(5);
        member.name = "another listener";
        member.reads(FOUR).until(4).consumer.close();
    }

    static void forgotten() throws Exception {
        System.out.println("# the group forgets a member, twice");
        Member member = new Member("member", group()).reads(FOUR).until(4);
        forget(member);
        poll(() -> member.tellings == 3, member);
        forget(member);
        member.consumer.close();
    }

    static void forget(Member member) throws Exception {
        admin.removeMembersFromConsumerGroup(member.group, new RemoveMembersFromConsumerGroupOptions()).all().get();
        Thread.sleep(A_BIT_MS);
    }

    static void pollsTooSeldom() throws Exception {
        System.out.println("# a member polls too seldom, twice");
        Member member = new Member("member", group(), "max.poll.interval.ms", "1000").reads(FOUR).until(4);
        Thread.sleep(1000 + A_BIT_MS);
        poll(() -> member.tellings == 3, member);
        Thread.sleep(1000 + A_BIT_MS);
        member.consumer.close();
    }

    static void nothingForOne() {
        System.out.println("# one partition, two members");
        String group = group();
        Member first = new Member("first", group).reads(ONE).until(1);
        Member second = new Member("second", group).reads(ONE);
        poll(() -> false, A_BIT_MS, first, second);
        second.consumer.close();
        first.consumer.close();
    }

    static void staticMember() {
        System.out.println("# a static member comes back");
        String group = group();
        new Member("before", group, "group.instance.id", "i").reads(FOUR).until(4).consumer.close();
        new Member("after", group, "group.instance.id", "i").reads(FOUR).until(4).consumer.close();
    }

    static void listenerFails() {
        System.out.println("# a listener fails when it is assigned, when it is revoked, and when it is closed");
        String group = group();
        Member member = new Member("member", group);
        member.fails = true;
        member.reads(FOUR).fail();
        Member another = new Member("another", group).reads(FOUR);
        member.fails = true;
        member.fail(another);
        poll(() -> member.count() == 2 && another.count() == 2, member, another);
        member.fails = true;
        try {
            member.consumer.close();
        } catch (Exception error) {
            System.out.println("close() fails");
        }
        another.consumer.close();
    }

    static void topicIsDeleted() throws Exception {
        System.out.println("# a topic is deleted");
        Member member = new Member("member", group(), "allow.auto.create.topics", "false").reads(ONE, DOOMED).until(2);
        admin.deleteTopics(List.of(RUN + DOOMED)).all().get();
        member.until(1).consumer.close();
    }

    static void matchedByTheBroker() {
        System.out.println("# the broker matches a pattern");
        Member member = new Member("member", group());
        member.consumer.subscribe(new SubscriptionPattern(RUN + "(four|one)"), member);
        member.until(5);
        System.out.println("subscribed to " + member.consumer.subscription().size() + " topics by name");
        try {
            member.consumer.subscribe(List.of(RUN + ANOTHER), member);
        } catch (IllegalStateException error) {
            System.out.println("subscribe() fails");
        }
        member.consumer.close();
    }

    static String group() {
        groups++;
        return RUN + "group-" + groups;
    }

    static void poll(BooleanSupplier until, Member... members) {
        poll(until, LONG_MS, members);
        if (!until.getAsBoolean()) throw new AssertionError("not so in time");
        poll(() -> false, 300, members);
    }

    static void poll(BooleanSupplier until, int timeoutMs, Member... members) {
        long end = System.nanoTime() + timeoutMs * 1_000_000L;
        while (!until.getAsBoolean() && System.nanoTime() < end)
            for (Member each : members) each.consumer.poll(Duration.ofMillis(20));
    }

    static class Member implements ConsumerRebalanceListener {
        final KafkaConsumer<byte[], byte[]> consumer;
        final String group;
        String name;
        boolean fails;
        int tellings;

        Member(String name, String group, String... configs) {
            this.name = name;
            this.group = group;
            Properties all = new Properties();
            all.putAll(Map.of("bootstrap.servers", bootstrap, "group.protocol", "consumer", "group.id", group));
            all.put("auto.offset.reset", "earliest");
            for (int i = 0; i < configs.length; i += 2) all.put(configs[i], configs[i + 1]);
            consumer = new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        }

        Member reads(String... topics) {
            consumer.subscribe(Arrays.stream(topics).map(each -> RUN + each).toList(), this);
            return this;
        }

        Member until(int count) {
            poll(() -> count() == count, this);
            return this;
        }

        int count() {
            return consumer.assignment().size();
        }

        void fail(Member... others) {
            try {
                poll(() -> !fails, LONG_MS, both(others));
            } catch (Exception error) {
                System.out.println("poll() fails, holding " + shown(consumer.assignment()));
            }
            poll(() -> false, 300, both(others));
        }

        Member[] both(Member... others) {
            Member[] all = Arrays.copyOf(others, others.length + 1);
            all[others.length] = this;
            return all;
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> which) {
            tell("assigned", which);
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> which) {
            tell("revoked", which);
        }

        @Override
        public void onPartitionsLost(Collection<TopicPartition> which) {
            tell("lost", which);
        }

        void tell(String what, Collection<TopicPartition> which) {
            if (which.isEmpty()) return;
            tellings++;
            String where = Thread.currentThread() == USER ? "" : ", in another thread";
            System.out.println(name + ": " + what + " " + shown(which) + ", holding " + shown(consumer.assignment()) + where);
            if (fails) {
                fails = false;
                throw new IllegalStateException("not now");
            }
        }
    }

    static String shown(Collection<TopicPartition> partitions) {
        TreeSet<String> names = new TreeSet<>();
        for (TopicPartition each : partitions) names.add(each.toString().substring(RUN.length()));
        return String.join(" ", names);
    }
}
