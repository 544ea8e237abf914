package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/agent"
	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/hosts"
)

// agentVerb has the flags of the agent command.
type agentVerb struct {
	c    *cli
	opts agent.Options
	meta config.Object
	http string
	url  string // URL of the health check; "": always healthy
}

func newAgentCommand(c *cli) *cobra.Command {
	a := &agentVerb{c: c, http: "127.0.0.1:4040"}
	cmd := &cobra.Command{
		Use:   "agent --elect NAME",
		Short: "Run an election for a local service, and serve the leader over HTTP",
		Long: `Run an election for a local service, and serve the leader over HTTP.

  GET /         200 and the leader: {"name":"host-1/17","leading":true,"token":17,...};
                503 if there is no leader or it is not known
  GET /leader   200 while this agent leads, else 503: for load balancers
  GET /readyz   200 while the cluster answers, also on standbys
  GET /healthz  200
  GET /events   each change of the leader, as server-sent events

Every response expires by this machine's own clock: an agent that is partitioned or
was stopped no longer leads and reports no leader by the time that another agent can
lead. A response is valid for its expires_in_ms. Request it again right before an
action that must not happen twice, and pass the token to every resource to which the
service writes.

With --check, the agent requests a URL six times per TTL to check the health of the
service. While the response is not a 2xx, the agent does not campaign and does not
renew: if it leads, it leads until its deadline, as it has reported to the service. It
handles a step-down request and SIGTERM in the same way. With --release-at-end it
releases the lease at SIGTERM: use it only if the service ends before the agent.
SIGHUP is ignored, except on a terminal.`,
		Example: "  lockd agent --elect scheduler --http 127.0.0.1:4040 --check http://127.0.0.1:8080/healthz\n  curl -sf 127.0.0.1:4040/leader && ./only-on-the-leader.sh",
		Args:    arguments(0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&a.opts.Name, "elect", "", "name of the lease whose holder is the leader")
	flags.Var(config.Address(&a.http), "http", "address of the HTTP server")
	flags.Var(config.Texts(&a.opts.AllowedHosts, "names", hosts.Forms, hosts.ValidPattern), "allowed-hosts",
		"DNS names that requests may use, in addition to IP addresses, localhost, and the names of --http and of this machine")
	flags.StringVar(&a.url, "check", "", "URL of a health check: a 2xx means that the service is healthy")
	flags.Var(ttlOf(&a.opts.Acquire.TTL), "ttl", "how long the lease lasts unless it is renewed (default 15s)")
	flags.StringVar(&a.opts.Acquire.Holder, "holder", "", "public label of this candidate (default host/pid)")
	flags.Var(config.Number(&a.opts.Acquire.Priority, fsm.MinPriority, fsm.MaxPriority), "priority", "priority in the queue: higher values first, equal values in order of arrival (default 0)")
	flags.Var(&a.meta, "meta", "JSON object that every reader of the lease can see")
	flags.BoolVar(&a.opts.ReleaseAtEnd, "release-at-end", false, "release the lease when the agent ends, instead of letting it expire")
	config.Bind(flags, "holder")
	required(cmd, "elect")
	return cmd
}

func (a *agentVerb) run(cmd *cobra.Command) error {
	a.opts.Acquire.Meta = a.meta.Meta()
	a.opts.Acquire.TTL = cmp.Or(a.opts.Acquire.TTL, millis(fsm.DefaultTTL))
	surviveClosedOutput()
	if !a.c.terminal { // service managers send it to reload the configuration
		surviveHangup(func() {})
	}
	log := a.c.logOf(cmd, a.opts.Name)
	defer log.Close()
	a.opts.OnChange = func(change string) { fmt.Fprintf(log, "lockd: %s: %s\n", a.opts.Name, console.Plain(change)) }
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
	a.opts.Metrics = agent.NewMetrics()
	client, err := a.c.waitingClient(a.c.timeout, a.opts.Metrics)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", a.http)
	if err != nil {
		return fmt.Errorf("--http %s: %w", a.http, err)
	}
	fmt.Fprintf(log, "lockd: %s: listening on http://%s\n", a.opts.Name, listener.Addr())
	return describeRefusal(cmd, a.serve(cmd.Context(), client, listener))
}

// serve returns when the agent has ended. An end on request is not an error.
func (a *agentVerb) serve(parent context.Context, client *lockd.Client, listener net.Listener) error {
	member := agent.New(client, a.opts)
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	server := member.NewServer()
	defer server.Close()
	go func() { cancel(server.Serve(listener)) }()
	err := member.Run(ctx)
	if parent.Err() != nil {
		return nil
	}
	return err
}
