// Prints the states of a transactional id, as TransactionState has them, and what Apache Kafka's TransactionMetadata and
// TransactionLog make of scripts of moves, drawn from a fixed seed: the record of each, or that there is no such move.
// tests/transactions/test_moves_like_kafka.py holds the store to them, and says what the columns are. To write them again
// (Kafka 4.4.0):
//
//   java -Dorg.slf4j.simpleLogger.defaultLogLevel=off -cp "$KAFKA_HOME/libs/*" TransactionMoves.java > transaction_moves.tsv

import java.util.HashSet;
import java.util.HexFormat;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.coordinator.transaction.TransactionLog;
import org.apache.kafka.coordinator.transaction.TransactionMetadata;
import org.apache.kafka.coordinator.transaction.TransactionState;
import org.apache.kafka.coordinator.transaction.TxnTransitMetadata;
import org.apache.kafka.server.common.TransactionVersion;

public class TransactionMoves {
    static final int SCRIPTS = 42;
    static final int STEPS = 25;
    static final String ID = "tx-ä";
    static final String[] MOVES = {"add", "add", "commit", "abort", "complete", "complete", "complete", "init", "init", "rotate"};
    static long state = 42;

    static int draw(int below) {
        state = (state * 6364136223846793005L + 1442695040888963407L);
        return (int) ((state >>> 33) % below);
    }

    static String hex(byte[] bytes) {
        return bytes == null ? "" : HexFormat.of().formatHex(bytes);
    }

    static TransactionMetadata anew(long producerId, int epoch, long now) {
        return new TransactionMetadata(ID, producerId, -1, -1, (short) epoch, (short) -1, 60_000, TransactionState.EMPTY,
            Set.of(), -1, now, TransactionVersion.TV_0);
    }

    public static void main(String[] arguments) {
        for (TransactionState each : TransactionState.values()) {
            Set<String> previous = new TreeSet<>();
            for (TransactionState before : each.validPreviousStates())
                previous.add(before.stateName());
            System.out.println("state\t" + each.id() + "\t" + each.stateName() + "\t" + each.isExpirationAllowed() + "\t"
                + String.join(",", previous));
        }
        System.out.println("key\t" + hex(TransactionLog.keyToBytes(ID)));
        for (int script = 0; script < SCRIPTS; script++)
            play(script);
    }

    static void play(int script) {
        int level = script % 3;
        long now = 1_700_000_000_000L, nextId = 1000;
        int epoch = script % 4 == 3 ? 32762 + draw(4) : -1;
        TransactionMetadata metadata = anew(nextId++, epoch, now);
        System.out.println("begin\t" + level + "\t" + epoch);
        for (int step = 0; step < STEPS; step++) {
            String move = MOVES[draw(MOVES.length)], argument = "";
            now += draw(1000);
            TransactionVersion client = level == 2 && draw(3) > 0 ? TransactionVersion.TV_2 : TransactionVersion.TV_0;
            boolean isSecond = client == TransactionVersion.TV_2;
            String outcome;
            try {
                TxnTransitMetadata then;
                switch (move) {
                    case "add" -> {
                        TopicPartition added = new TopicPartition("topic-" + draw(2), draw(3));
                        argument = added.topic() + " " + added.partition();
                        then = metadata.prepareAddPartitions(new HashSet<>(Set.of(added)), now, client);
                    }
                    case "commit", "abort" -> {
                        if (metadata.producerEpoch() == Short.MAX_VALUE)
                            continue;
                        boolean isUsedUp = isSecond && metadata.isProducerEpochExhausted();
                        long next = isUsedUp ? nextId++ : -1;
                        argument = "" + next;
                        then = metadata.prepareAbortOrCommit(
                            move.equals("commit") ? TransactionState.PREPARE_COMMIT : TransactionState.PREPARE_ABORT,
                            client, next, now, metadata.state() != TransactionState.ONGOING);
                    }
                    case "complete" -> then = metadata.prepareComplete(now);
                    case "init" -> {
                        short[] known = {metadata.producerEpoch(), metadata.lastProducerEpoch(), 7};
                        int which = draw(5);
                        boolean isKnown = which < 3 && known[which] >= 0;
                        argument = isKnown ? "" + known[which] : "";
                        then = metadata.prepareIncrementProducerEpoch(
                            60_000 + step, isKnown ? Optional.of(known[which]) : Optional.empty(), now);
                    }
                    default -> {
                        boolean isExpecting = draw(2) == 1;
                        long next = nextId++;
                        argument = next + " " + isExpecting;
                        then = metadata.prepareProducerIdRotation(next, 60_000 + step, now, isExpecting);
                    }
                }
                metadata.completeTransitionTo(then);
                outcome = hex(TransactionLog.valueToBytes(then, TransactionVersion.fromFeatureLevel((short) level)));
            } catch (ApiException error) {
                outcome = Errors.forException(error).name();
            } catch (IllegalStateException | IllegalArgumentException error) {
                outcome = "no such move";
                metadata.pendingState(Optional.empty());
            }
            System.out.println(move + "\t" + (isSecond ? 2 : 0) + "\t" + now + "\t" + (60_000 + step) + "\t" + argument + "\t"
                + outcome);
        }
    }
}
