package chaos

import (
	"syscall"
	"time"
)

func clientKinds() []kind {
	one := []string{oneClient}
	return []kind{
		{name: "client-isolate", area: onClient, needs: []capability{hasNetns, hasFilter}, targets: one,
			shortest: time.Second, longest: 8 * time.Second, make: newClientIsolate},
		{name: "client-stop", area: onClient, targets: one, shortest: 500 * time.Millisecond, longest: 8 * time.Second, make: newClientStop},
	}
}

func newClientIsolate(_ *world, v victims, _ Step) fault {
	return &blockade{filters: map[*host]filter{v.crowd.host: {in: []string{dropped}, out: []string{dropped}}}}
}

// A client stop stops a process of clients that hold leases.
type clientStop struct {
	crowd *crowd
	state string
}

func newClientStop(_ *world, v victims, _ Step) fault { return &clientStop{crowd: v.crowd} }

func (c *clientStop) inject() error { return c.crowd.cmd.Process.Signal(syscall.SIGSTOP) }

func (c *clientStop) heal() error {
	c.state = processState(c.crowd.cmd.Process.Pid)
	return c.crowd.cmd.Process.Signal(syscall.SIGCONT)
}

func (c *clientStop) effect() (string, error) { return stopped(c.state) }
