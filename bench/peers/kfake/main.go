// kfakepeer runs kfake, the in-memory Kafka that franz-go tests itself with, as a process of its own on loopback.
// It keeps every record in memory, on one copy: what a server costs that does not replicate and does not write.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"
)

func main() {
	brokers := flag.Int("brokers", 3, "how many brokers")
	port := flag.Int("port", 19291, "port of the first broker; the others follow it")
	flag.Parse()

	ports := make([]int, *brokers)
	for i := range ports {
		ports[i] = *port + i
	}
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(*brokers),
		kfake.Ports(ports...),
		kfake.AllowAutoTopicCreation(),
		kfake.DefaultNumPartitions(1),
	)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready", cluster.ListenAddrs())

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
	cluster.Close()
}
