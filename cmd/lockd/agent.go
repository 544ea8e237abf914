package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/agent"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/hosts"
)

// agentVerb is what the verb was told.
type agentVerb struct {
	c    *cli
	opts agent.Options
	meta object
	http string
	url  string // that is asked how the service is; "": it is always well
}

func newAgentCommand(c *cli) *cobra.Command {
	a := &agentVerb{c: c, http: "127.0.0.1:4040"}
	cmd := &cobra.Command{
		Use:   "agent --elect NAME",
		Short: "Lead an election for a service beside it, and tell over HTTP who leads",
		Long: `Lead an election for a service beside it, and tell over HTTP who leads.

  GET /         200 and who leads: {"name":"host-1/17","leading":true,"token":17,...};
                503 where nobody does, or it is not known
  GET /leader   200 while this agent leads, else 503: for load balancers
  GET /readyz   200 while the cluster answers, on standbys, too
  GET /healthz  200
  GET /events   each change of who leads, as server-sent events

Every answer ends by this machine's own clock: an agent that is cut off, or was
stopped, leads no more and names nobody by the time that another can lead. An
answer may be relied on for its expires_in_ms; ask again before what must not
happen twice, and give the token to whatever the service writes to.

With --check a URL is asked six times in a TTL how the service is. While that is
not answered by a 2xx, the agent does not campaign, and does not renew: if it led,
it leads until its deadline, as it has told the service. An operator's step-down
is heeded the same way, and so is SIGTERM, unless --release-at-end is given, where
the service has ended before. SIGHUP is ignored, except on a terminal.`,
		Example: "  lockd agent --elect scheduler --http 127.0.0.1:4040 --check http://127.0.0.1:8080/healthz\n  curl -sf 127.0.0.1:4040/leader && ./only-on-the-leader.sh",
		Args:    arguments(0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&a.opts.Name, "elect", "", "lease that makes its holder the leader")
	flags.Var(addressOf(&a.http), "http", "where to answer")
	flags.Var(&list{to: &a.opts.AllowedHosts, kind: "names", bounds: hosts.Forms, ok: hosts.ValidPattern}, "allowed-hosts",
		"DNS names that requests may use, in addition to IP addresses, localhost, and the names of --http and of this machine")
	flags.StringVar(&a.url, "check", "", "URL that is answered by a 2xx while the service is well")
	flags.Var(ttlOf(&a.opts.Acquire.TTL), "ttl", "how long the lease lasts unless it is renewed (default 15s)")
	flags.StringVar(&a.opts.Acquire.Holder, "holder", "", "public label of who leads (default host/pid)")
	flags.Var(numberOf(&a.opts.Acquire.Priority, fsm.MinPriority, fsm.MaxPriority), "priority", "place in the queue: the highest first, then first come, first served (default 0)")
	flags.Var(&a.meta, "meta", "what every reader sees with the hold")
	flags.BoolVar(&a.opts.ReleaseAtEnd, "release-at-end", false, "give the lease back when the agent ends, and not only let it run out")
	bindable(flags, "holder")
	required(cmd, "elect")
	return cmd
}

func (a *agentVerb) run(cmd *cobra.Command) error {
	a.opts.Acquire.Meta = a.meta.meta()
	a.opts.Acquire.TTL = cmp.Or(a.opts.Acquire.TTL, millis(fsm.DefaultTTL))
	surviveClosedOutput()
	if !a.c.terminal { // a service manager sends it to have a configuration read again
		surviveHangup(func() {})
	}
	said := newLogQueue(cmd.ErrOrStderr(), func(to io.Writer, dropped uint64) {
		fmt.Fprintf(to, "lockd: %s: %d lines were dropped: they were not read in time\n", a.opts.Name, dropped)
	})
	defer said.close()
	a.opts.Tell = func(change string) { fmt.Fprintf(said, "lockd: %s: %s\n", a.opts.Name, plainText(change)) }
	if a.url != "" {
		if u, err := url.Parse(a.url); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return usageError{fmt.Errorf("--check must be a URL, such as http://127.0.0.1:8080/healthz: %q is not", a.url)}
		}
		a.opts.Check = agent.Get(&http.Client{}, a.url)
	}
	a.opts.AllowedHosts = append(a.opts.AllowedHosts, hosts.Name(a.http))
	if name, err := os.Hostname(); err == nil {
		a.opts.AllowedHosts = append(a.opts.AllowedHosts, name)
	}
	a.c.warnings = slog.New(&warnings{to: said, about: a.opts.Name + ": "})
	client, err := a.c.clientThatWaits(a.c.timeout)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", a.http)
	if err != nil {
		return fmt.Errorf("--http %s: %w", a.http, err)
	}
	fmt.Fprintf(said, "lockd: %s: answering at http://%s\n", a.opts.Name, listener.Addr())
	return inWords(cmd, a.serve(cmd.Context(), client, listener))
}

// serve returns when the agent has ended. That it was asked to is no failure.
func (a *agentVerb) serve(asked context.Context, client *lockd.Client, listener net.Listener) error {
	member := agent.New(client, a.opts)
	ctx, cancel := context.WithCancelCause(asked)
	defer cancel(nil)
	server := member.NewServer()
	defer server.Close()
	go func() { cancel(server.Serve(listener)) }()
	err := member.Run(ctx)
	if asked.Err() != nil {
		return nil
	}
	return err
}
