// Prints how the Java producer's TransactionManager numbers batches through scripts of good and bad luck, drawn from a
// fixed seed. A line: script, operation, its result, then the epoch, and for both partitions the next sequence and what
// is under way (batch:epoch:sequence:whether it was numbered anew). Compiled and run as ProducerRules.java is.
package org.apache.kafka.clients.producer.internals;

import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.clients.ApiVersions;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.requests.ProduceResponse.PartitionResponse;
import org.apache.kafka.common.utils.internals.LogContext;
import org.apache.kafka.common.utils.internals.ProducerIdAndEpoch;

public class ProducerSequences {
    static final int SCRIPTS = 60;
    static final int STEPS = 25;
    static long state = 42;

    static int draw(int below) {
        state = (state * 6364136223846793005L + 1442695040888963407L);
        return (int) ((state >>> 33) % below);
    }

    static final TopicPartition[] PARTITIONS = {new TopicPartition("t", 0), new TopicPartition("t", 1)};

    TransactionManager manager;
    List<ProducerBatch> batches = new ArrayList<>();
    List<List<Integer>> underWay = List.of(new ArrayList<>(), new ArrayList<>());
    int script;

    ProducerSequences(int script) throws Exception {
        this.script = script;
        manager = new TransactionManager(new LogContext(), null, 60000, 100, new ApiVersions(), null, false);
        Method set = TransactionManager.class.getDeclaredMethod("setProducerIdAndEpoch", ProducerIdAndEpoch.class);
        set.setAccessible(true);
        set.invoke(manager, new ProducerIdAndEpoch(7, (short) 0));
        for (TopicPartition partition : PARTITIONS) {
            manager.maybeUpdateProducerIdAndEpoch(partition);
        }
    }

    ProducerBatch batch(TopicPartition partition, int count) {
        ProducerBatch batch = new ProducerBatch(partition, MemoryRecords.builder(ByteBuffer.allocate(1024),
            Compression.NONE, TimestampType.CREATE_TIME, 0L), 0);
        for (int i = 0; i < count; i++) {
            batch.tryAppend(0, null, new byte[1], new Header[0], null, 0);
        }
        return batch;
    }

    void say(String operation, String result) throws Exception {
        manager.maybeResolveSequences();
        manager.bumpIdempotentEpochAndResetIdIfNeeded();
        StringBuilder text = new StringBuilder(script + "\t" + operation + "\t" + result + "\t"
            + manager.producerIdAndEpoch().epoch);
        for (int p = 0; p < 2; p++) {
            text.append("\t").append(manager.sequenceNumber(PARTITIONS[p])).append(" ");
            List<String> each = new ArrayList<>();
            for (int i : underWay.get(p)) {
                ProducerBatch batch = batches.get(i);
                each.add(i + ":" + batch.producerEpoch() + ":" + batch.baseSequence() + ":"
                    + (batch.sequenceHasBeenReset() ? 1 : 0));
            }
            text.append(String.join(",", each));
        }
        System.out.println(text);
    }

    void drain(int p) throws Exception {
        TopicPartition partition = PARTITIONS[p];
        boolean may = !(manager.hasInflightBatches(partition) && manager.hasStaleProducerIdAndEpoch(partition))
            && !manager.hasUnresolvedSequence(partition);
        int count = 1 + draw(9);
        if (may) {
            ProducerBatch batch = batch(partition, count);
            manager.maybeUpdateProducerIdAndEpoch(partition);
            batch.setProducerState(manager.producerIdAndEpoch(), manager.sequenceNumber(partition), false);
            manager.incrementSequenceNumber(partition, count);
            manager.addInFlightBatch(batch);
            underWay.get(p).add(batches.size());
            batches.add(batch);
        }
        say("drain " + p + " " + count, "" + may);
    }

    void step() throws Exception {
        int p = draw(2);
        List<Integer> here = underWay.get(p);
        int choice = draw(100);
        if (here.isEmpty() || (choice < 40 && here.size() < 5)) {
            drain(p);
            return;
        }
        int place = draw(3) > 0 ? 0 : draw(here.size());
        int i = here.get(place);
        ProducerBatch batch = batches.get(i);
        if (choice < 65) {
            manager.handleCompletedBatch(batch, new PartitionResponse(Errors.NONE, 100L * i, -1, 0));
            here.remove(place);
            say("ack " + i, "");
        } else if (choice < 85) {
            Errors[] errors = {Errors.OUT_OF_ORDER_SEQUENCE_NUMBER, Errors.UNKNOWN_PRODUCER_ID,
                Errors.NOT_LEADER_OR_FOLLOWER, Errors.INVALID_RECORD};
            Errors error = errors[draw(4)];
            int start = new int[] {-1, 0, 1000000}[draw(3)];
            boolean may = manager.canRetry(new PartitionResponse(error, -1, -1, start), batch);
            say("retry " + i + " " + error.code() + " " + start, "" + may);
        } else if (choice < 93) {
            boolean surely = draw(2) == 0;
            Errors error = draw(2) == 0 ? Errors.INVALID_RECORD : Errors.OUT_OF_ORDER_SEQUENCE_NUMBER;
            manager.handleFailedBatch(batch, error.exception(), surely);
            here.remove(place);
            say("fail " + i + " " + error.code() + " " + surely, "");
        } else {
            manager.handleFailedBatch(batch, new org.apache.kafka.common.errors.TimeoutException(), false);
            manager.markSequenceUnresolved(batch);
            here.remove(place);
            say("expire " + i, "");
        }
    }

    public static void main(String[] arguments) throws Exception {
        for (int script = 0; script < SCRIPTS; script++) {
            ProducerSequences one = new ProducerSequences(script);
            for (int i = 0; i < STEPS; i++) {
                one.step();
            }
        }
    }
}
