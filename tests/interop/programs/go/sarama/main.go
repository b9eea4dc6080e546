// Transactions by sarama, a line a finding: sarama BOOTSTRAP TOPIC. What it does, ../../transact.py says.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/IBM/sarama"
)

var bootstrap, topic = strings.Split(os.Args[1], ","), os.Args[2]
var group = topic + "-group"

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func config() *sarama.Config {
	made := sarama.NewConfig()
	made.Version = sarama.MaxVersion
	made.Consumer.Offsets.Initial = sarama.OffsetOldest
	made.Consumer.Offsets.AutoCommit.Enable = false
	made.Consumer.IsolationLevel = sarama.ReadCommitted
	return made
}

func transactional() sarama.SyncProducer {
	made := config()
	made.Producer.Idempotent = true
	made.Producer.RequiredAcks = sarama.WaitForAll
	made.Producer.Return.Successes = true
	made.Producer.Transaction.ID = topic
	made.Net.MaxOpenRequests = 1
	return must(sarama.NewSyncProducer(bootstrap, made))
}

func send(producer sarama.SyncProducer, value string) {
	_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(value)})
	check(err)
}

// A member of a group that does the three transactions, and then leaves.
type worker struct {
	producer sarama.SyncProducer
	leave    context.CancelFunc
}

func (*worker) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*worker) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (w *worker) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	metadata := sarama.NewConsumerGroupMetadataFromSession(session, group, nil)
	for _, step := range []struct {
		value  string
		commit bool
	}{{"a", true}, {"b", false}, {"c", true}} {
		message := <-claim.Messages()
		check(w.producer.BeginTxn())
		send(w.producer, step.value)
		check(w.producer.AddMessageToTxnWithGroupMetadata(message, metadata, nil))
		if step.commit {
			check(w.producer.CommitTxn())
		} else {
			check(w.producer.AbortTxn())
		}
	}
	w.leave()
	return nil
}

func read(count int) string {
	consumer := must(sarama.NewConsumer(bootstrap, config()))
	defer consumer.Close()
	partition := must(consumer.ConsumePartition(topic, 0, sarama.OffsetOldest))
	defer partition.Close()
	var values []string
	for len(values) < count {
		values = append(values, string((<-partition.Messages()).Value))
	}
	return strings.Join(values, " ")
}

func main() {
	first := transactional()
	ctx, leave := context.WithCancel(context.Background())
	members := must(sarama.NewConsumerGroup(bootstrap, group, config()))
	for ctx.Err() == nil {
		check(members.Consume(ctx, []string{topic + "-in"}, &worker{first, leave}))
	}
	check(members.Close())
	fmt.Println("read", read(2))
	admin := must(sarama.NewClusterAdmin(bootstrap, config()))
	defer admin.Close()
	offsets := must(admin.ListConsumerGroupOffsets(group, map[string][]int32{topic + "-in": {0}}))
	fmt.Println("offset", offsets.GetBlock(topic+"-in", 0).Offset)

	check(first.BeginTxn())
	send(first, "zombie")
	second := transactional()
	defer second.Close()
	check(second.BeginTxn())
	send(second, "d")
	check(second.CommitTxn())
	var fenced sarama.KError
	if err := first.CommitTxn(); errors.As(err, &fenced) {
		fmt.Printf("fenced %d\n", int16(fenced))
	} else {
		fmt.Println("not fenced:", err)
	}
	fmt.Println("then", read(3))
	fmt.Println("done")
}
