// A member of a group of the consumer protocol by franz-go: member BOOTSTRAP GROUP INSTANCE SUBSCRIPTION. What it
// prints, ../../java/Member.java says.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	lock sync.Mutex
	held = map[string]bool{}
)

func change(which map[string][]int32, holds bool) {
	lock.Lock()
	defer lock.Unlock()
	for topic, partitions := range which {
		for _, partition := range partitions {
			if name := fmt.Sprintf("%s-%d", topic, partition); holds {
				held[name] = true
			} else {
				delete(held, name)
			}
		}
	}
	names := make([]string, 0, len(held))
	for name := range held {
		names = append(names, name)
	}
	sort.Strings(names)
	fmt.Println("holding", strings.Join(names, " "))
}

func main() {
	bootstrap, group, instance, wanted := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	options := []kgo.Opt{
		kgo.SeedBrokers(strings.Split(bootstrap, ",")...),
		kgo.ConsumerGroup(group),
		kgo.ServerSideBalancer(),
		kgo.Balancers(kgo.StickyBalancer()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.MetadataMaxAge(time.Second),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, which map[string][]int32) { change(which, true) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, which map[string][]int32) { change(which, false) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, which map[string][]int32) { change(which, false) }),
	}
	if instance != "" {
		options = append(options, kgo.InstanceID(instance))
	}
	if strings.HasPrefix(wanted, "/") {
		options = append(options, kgo.ConsumeRegex(), kgo.ConsumeTopics(strings.Trim(wanted, "/")))
	} else {
		options = append(options, kgo.ConsumeTopics(wanted))
	}
	client, err := kgo.NewClient(options...)
	check(err)
	stopping, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	for stopping.Err() == nil {
		fetches := client.PollFetches(stopping)
		if stopping.Err() != nil {
			break
		}
		check(fetches.Err())
		fetches.EachRecord(func(each *kgo.Record) {
			fmt.Printf("received %s-%d %d %s\n", each.Topic, each.Partition, each.Offset, each.Value)
		})
		check(client.CommitUncommittedOffsets(context.Background()))
	}
	client.Close()
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
