// Passes records on in transactions by franz-go: relay BOOTSTRAP TOPIC COUNT. What it does, ../../relay.py says.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	topic := os.Args[2]
	count, err := strconv.ParseInt(os.Args[3], 10, 64)
	check(err)
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(strings.Split(os.Args[1], ",")...),
		kgo.TransactionalID(topic),
		kgo.TransactionTimeout(20*time.Second),
		kgo.DefaultProduceTopic(topic),
		kgo.ConsumerGroup(topic+"-group"),
		kgo.ConsumeTopics(topic+"-in"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.SessionTimeout(6*time.Second),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets(),
	)
	check(err)
	ctx := context.Background()
	for reached := int64(0); reached < count; {
		fetches := session.PollRecords(ctx, 20)
		records := fetches.Records()
		if len(records) == 0 {
			continue // an error of a fetch: it is tried again
		}
		check(session.Begin())
		for _, record := range records {
			session.Produce(ctx, kgo.SliceRecord(record.Value), nil)
		}
		committed, err := session.End(ctx, kgo.TryCommit)
		check(err)
		if committed {
			reached = records[len(records)-1].Offset + 1
		}
	}
	fmt.Println("done")
	session.Close()
}
