package lockd_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
)

func ExampleClient_Do() {
	c, err := lockd.New(lockd.Config{Addresses: []string{"http://10.0.0.1:7400", "http://10.0.0.2:7400"}})
	if err != nil {
		log.Fatal(err)
	}
	err = c.Do(context.Background(), "nightly-report", lockd.AcquireOptions{Wait: time.Minute},
		func(ctx context.Context, l *lockd.Lease) error {
			fmt.Println("reporting with token", l.Token)
			return ctx.Err()
		})
	if errors.Is(err, lockd.ErrHeld) {
		fmt.Println("another process writes the report")
	}
}

func ExampleClient_Watch() {
	c, err := lockd.New(lockd.Config{})
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range c.Watch(context.Background(), lockd.WatchOptions{Prefix: "billing."}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Revision, e.Type, e.Name, e.Holder)
	}
}
