// Prints Kafka's table of errors: code, name, exception class, whether it may be retried. tests/codec/test_errors.py
// holds kstore.errors to it. To write it again (Kafka 4.4.0):
//
//   java -cp "$KAFKA_HOME/libs/*" ErrorTable.java > errors.tsv

import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;

public class ErrorTable {
    public static void main(String[] args) {
        for (Errors error : Errors.values()) {
            if (error == Errors.NONE)
                continue;
            System.out.println(error.code() + "\t" + error.name() + "\t"
                + error.exception().getClass().getSimpleName() + "\t"
                + (error.exception() instanceof RetriableException));
        }
    }
}
