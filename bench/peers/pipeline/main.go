// pipelinepeer reads records, transforms them and writes them in transactions, with the offsets that it has read, and
// prints how many seconds it took. It is a client in Go, so that its own work is small beside the brokers'.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	bootstrap := flag.String("bootstrap", "", "addresses of brokers, separated by commas")
	from := flag.String("from", "", "the topic to read, from its beginning")
	to := flag.String("to", "", "the topic to write")
	group := flag.String("group", "", "the consumer group; also the transactional id")
	count := flag.Int("count", 0, "how many records to process")
	every := flag.Duration("every", 100*time.Millisecond, "how long a transaction is open")
	flag.Parse()

	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(strings.Split(*bootstrap, ",")...),
		kgo.ConsumerGroup(*group),
		kgo.TransactionalID(*group),
		kgo.ConsumeTopics(*from),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets(),
		kgo.DefaultProduceTopic(*to),
		kgo.ProducerLinger(5*time.Millisecond),
		kgo.ProducerBatchMaxBytes(1<<20-1000),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.MaxBufferedRecords(1_000_000),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()

	first := session.PollRecords(ctx, 1) // joining the group isn't what is measured
	if err := first.Err(); err != nil {
		log.Fatal(err)
	}
	started := time.Now()
	done, transactions := 0, 0
	fetches := first
	for done < *count {
		if err := session.Begin(); err != nil {
			log.Fatal(err)
		}
		began := time.Now()
		for {
			fetches.EachRecord(func(record *kgo.Record) {
				session.Produce(ctx, transformed(record), nil)
				done++
			})
			if done >= *count || time.Since(began) >= *every {
				break
			}
			fetches = session.PollRecords(ctx, 10_000)
			if err := fetches.Err(); err != nil {
				log.Fatal(err)
			}
		}
		committed, err := session.End(ctx, kgo.TryCommit)
		if err != nil || !committed {
			log.Fatalf("a transaction was not committed: %v", err)
		}
		transactions++
		fetches = kgo.Fetches{}
	}
	fmt.Printf("%d %d %f\n", done, transactions, time.Since(started).Seconds())
}

// transformed is the record that is written for one that was read: its value with its first byte changed.
func transformed(record *kgo.Record) *kgo.Record {
	value := make([]byte, len(record.Value))
	copy(value, record.Value)
	if len(value) > 0 {
		value[0]++
	}
	return &kgo.Record{Key: record.Key, Value: value}
}
