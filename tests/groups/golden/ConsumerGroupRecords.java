import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.common.runtime.CoordinatorMetadataDelta;
import org.apache.kafka.coordinator.common.runtime.CoordinatorMetadataImage;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRecord;
import org.apache.kafka.coordinator.group.GroupCoordinatorRecordHelpers;
import org.apache.kafka.coordinator.group.GroupCoordinatorRecordSerde;
import org.apache.kafka.coordinator.group.Utils;
import org.apache.kafka.coordinator.group.modern.MemberState;
import org.apache.kafka.coordinator.group.modern.consumer.ConsumerGroupMember;
import org.apache.kafka.coordinator.group.modern.consumer.ResolvedRegularExpression;

/** Prints what Apache Kafka's classes make of topics (hashes) and of consumer groups (records), a line each. */
public class ConsumerGroupRecords {
    record Topic(String name, Uuid id, List<List<String>> racks) implements CoordinatorMetadataImage.TopicMetadata {
        public int partitionCount() {
            return racks.size();
        }

        public List<String> partitionRacks(int partition) {
            return new ArrayList<>(racks.get(partition));
        }
    }

    record Image(Map<String, Topic> topics) implements CoordinatorMetadataImage {
        public Set<Uuid> topicIds() {
            return Set.of();
        }

        public Set<String> topicNames() {
            return topics.keySet();
        }

        public Optional<TopicMetadata> topicMetadata(String name) {
            return Optional.ofNullable(topics.get(name));
        }

        public Optional<TopicMetadata> topicMetadata(Uuid id) {
            return Optional.empty();
        }

        public CoordinatorMetadataDelta emptyDelta() {
            return null;
        }

        public long version() {
            return 0;
        }

        public boolean isEmpty() {
            return topics.isEmpty();
        }
    }

    static final String GROUP = "gruppe-ä";
    static final Uuid ORDERS = new Uuid(0x0001020304050607L, 0x88090a0b0c0d0e0fL);
    static final Uuid USERS = new Uuid(0xf0e0d0c0b0a09080L, 0x7060504030201000L);

    static final GroupCoordinatorRecordSerde SERDE = new GroupCoordinatorRecordSerde();

    static void print(String name, CoordinatorRecord record) {
        byte[] value = record.value() == null ? null : SERDE.serializeValue(record);
        System.out.println("record\t" + name + "\t" + HexFormat.of().formatHex(SERDE.serializeKey(record)) + "\t"
            + (value == null ? "" : HexFormat.of().formatHex(value)));
    }

    static List<List<String>> repeated(int partitions, String... racks) {
        List<List<String>> found = new ArrayList<>();
        for (int i = 0; i < partitions; i++) {
            found.add(List.of(racks));
        }
        return found;
    }

    static void hashes() {
        Map<String, Topic> topics = new TreeMap<>();
        for (Topic topic : List.of(
                new Topic("orders", ORDERS, repeated(3)),
                new Topic("users", USERS, repeated(1, "west", "east")),
                new Topic("with-racks", ORDERS, List.of(List.of("b", "a", "ä😀"), List.of(), List.of("a,b"))),
                new Topic("large", USERS, repeated(100, "r1", "r2")),
                new Topic("a.long.name.".repeat(20), ORDERS, repeated(10)))) {
            topics.put(topic.name(), topic);
        }
        Image image = new Image(topics);
        Map<String, Long> all = new HashMap<>();
        for (String name : topics.keySet()) {
            all.put(name, Utils.computeTopicHash(name, image));
            System.out.println("topic\t" + name + "\t" + all.get(name));
        }
        System.out.println("group\tall\t" + Utils.computeGroupHash(all));
        System.out.println("group\torders\t" + Utils.computeGroupHash(Map.of("orders", all.get("orders"))));
        System.out.println("group\tnone\t" + Utils.computeGroupHash(Map.of()));
    }

    public static void main(String[] arguments) {
        hashes();
        ConsumerGroupMember member = new ConsumerGroupMember.Builder("member-1")
            .setInstanceId("instance")
            .setRackId("rack")
            .setRebalanceTimeoutMs(30_000)
            .setClientId("client")
            .setClientHost("/127.0.0.1")
            .setSubscribedTopicNames(List.of("orders", "users"))
            .setSubscribedTopicRegex("or.*")
            .setServerAssignorName("range")
            .setMemberEpoch(7)
            .setPreviousMemberEpoch(5)
            .setState(MemberState.UNREVOKED_PARTITIONS)
            .setAssignedPartitions(Map.of(ORDERS, new TreeMap<>(Map.of(0, 5, 2, 7))))
            .setPartitionsPendingRevocation(Map.of(USERS, Map.of(1, 3)))
            .build();
        ConsumerGroupMember plain = new ConsumerGroupMember.Builder("member-2")
            .setRebalanceTimeoutMs(1)
            .setClientId("")
            .setClientHost("/::1")
            .setMemberEpoch(2)
            .build();
        print("group", GroupCoordinatorRecordHelpers.newConsumerGroupEpochRecord(GROUP, 9, -1234567890123456789L));
        print("group gone", GroupCoordinatorRecordHelpers.newConsumerGroupEpochTombstoneRecord(GROUP));
        print("topics gone", GroupCoordinatorRecordHelpers.newConsumerGroupSubscriptionMetadataTombstoneRecord(GROUP));
        print("member", GroupCoordinatorRecordHelpers.newConsumerGroupMemberSubscriptionRecord(GROUP, member));
        print("plain member", GroupCoordinatorRecordHelpers.newConsumerGroupMemberSubscriptionRecord(GROUP, plain));
        print("member gone",
            GroupCoordinatorRecordHelpers.newConsumerGroupMemberSubscriptionTombstoneRecord(GROUP, "member-1"));
        print("epoch", GroupCoordinatorRecordHelpers.newConsumerGroupTargetAssignmentMetadataRecord(
            GROUP, 9, 1_700_000_000_000L));
        print("epoch gone", GroupCoordinatorRecordHelpers.newConsumerGroupTargetAssignmentMetadataTombstoneRecord(GROUP));
        print("target", GroupCoordinatorRecordHelpers.newConsumerGroupTargetAssignmentRecord(
            GROUP, "member-1", Map.of(ORDERS, new TreeSet<>(Set.of(0, 2)))));
        print("no target", GroupCoordinatorRecordHelpers.newConsumerGroupTargetAssignmentRecord(
            GROUP, "member-2", Map.of()));
        print("target gone",
            GroupCoordinatorRecordHelpers.newConsumerGroupTargetAssignmentTombstoneRecord(GROUP, "member-1"));
        print("current", GroupCoordinatorRecordHelpers.newConsumerGroupCurrentAssignmentRecord(GROUP, member));
        print("plain current", GroupCoordinatorRecordHelpers.newConsumerGroupCurrentAssignmentRecord(GROUP, plain));
        print("current gone",
            GroupCoordinatorRecordHelpers.newConsumerGroupCurrentAssignmentTombstoneRecord(GROUP, "member-1"));
        print("expression", GroupCoordinatorRecordHelpers.newConsumerGroupRegularExpressionRecord(GROUP, "or.*",
            new ResolvedRegularExpression(new LinkedHashSet<>(List.of("orders", "orders-eu")), 45L, 1_700_000_000_000L)));
        print("expression gone",
            GroupCoordinatorRecordHelpers.newConsumerGroupRegularExpressionTombstone(GROUP, "or.*"));
    }
}
