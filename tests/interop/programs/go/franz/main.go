// Transactions by franz-go, a line a finding: franz BOOTSTRAP TOPIC. What it does, ../../transact.py says.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
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

func session() *kgo.GroupTransactSession {
	return must(kgo.NewGroupTransactSession(
		kgo.SeedBrokers(bootstrap...),
		kgo.TransactionalID(topic),
		kgo.DefaultProduceTopic(topic),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topic+"-in"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets(),
	))
}

func take(ctx context.Context, from interface {
	PollRecords(context.Context, int) kgo.Fetches
}, count int) []string {
	var values []string
	for len(values) < count {
		fetches := from.PollRecords(ctx, count-len(values))
		check(fetches.Err())
		fetches.EachRecord(func(record *kgo.Record) { values = append(values, string(record.Value)) })
	}
	return values
}

func read(ctx context.Context, count int) string {
	reader := must(kgo.NewClient(
		kgo.SeedBrokers(bootstrap...),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
	))
	defer reader.Close()
	return strings.Join(take(ctx, reader, count), " ")
}

func transact(ctx context.Context, from *kgo.GroupTransactSession, value string, inputs int, commit kgo.TransactionEndTry) {
	take(ctx, from, inputs)
	check(from.Begin())
	check(from.ProduceSync(ctx, kgo.StringRecord(value)).FirstErr())
	if must(from.End(ctx, commit)) != bool(commit) {
		check(errors.New("the transaction of " + value + " wasn't committed"))
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	first := session()
	defer first.Close()
	transact(ctx, first, "a", 1, kgo.TryCommit)
	transact(ctx, first, "b", 1, kgo.TryAbort)
	transact(ctx, first, "c", 2, kgo.TryCommit) // what the aborted one has read is read again
	fmt.Println("read", read(ctx, 2))
	admin := kadm.NewClient(first.Client())
	offset, _ := must(admin.FetchOffsets(ctx, group)).Lookup(topic+"-in", 0)
	fmt.Println("offset", offset.At)

	check(first.Begin())
	check(first.ProduceSync(ctx, kgo.StringRecord("zombie")).FirstErr())
	second := must(kgo.NewClient(
		kgo.SeedBrokers(bootstrap...), kgo.TransactionalID(topic), kgo.DefaultProduceTopic(topic)))
	defer second.Close()
	check(second.BeginTransaction())
	check(second.ProduceSync(ctx, kgo.StringRecord("d")).FirstErr())
	check(second.EndTransaction(ctx, kgo.TryCommit))
	_, err := first.End(ctx, kgo.TryCommit)
	var fenced *kerr.Error
	if errors.As(err, &fenced) {
		fmt.Println("fenced", fenced.Message)
	} else {
		fmt.Println("not fenced:", err)
	}
	fmt.Println("then", read(ctx, 3))
	fmt.Println("done")
}
