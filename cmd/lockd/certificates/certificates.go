// Package certificates has the commands that make and show the certificates of a cluster.
package certificates

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/pki"
)

const (
	day         = 24 * time.Hour
	defaultDays = 365
	maxDays     = 3650
)

// Config has what these commands share with the others.
type Config struct {
	Out    io.Writer
	Print  func(answer any, tables ...*console.Table) error
	Format *pflag.Flag // of what Print prints
	Args   func(most int, needed ...string) cobra.PositionalArgs
	Usage  func(error) error // marks an error of the command line
}

// New returns the command tls.
func New(c Config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tls",
		Short: "Make and show the certificates of a cluster",
		Long: `Make and show the certificates of a cluster. One authority signs nodes and another signs
clients, so that the key that signs clients cannot make nodes. Keep the directory of the
authorities off the nodes.`,
		Example: `  lockd tls init --out pki
  lockd tls node lock-1 --ca pki --host lock-1.example,10.0.0.1 --out tls
  lockd server --tls-dir tls --http-addr 0.0.0.0:7400 --peer-addr 0.0.0.0:7401
  curl --cacert tls/ca.crt https://lock-1.example:7400/healthz`,
	}
	cmd.AddCommand(newInitCommand(c), newNodeCommand(c), newClientCommand(c), newRotateCommand(c), newShowCommand(c))
	return cmd
}

func newInitCommand(c Config) *cobra.Command {
	var out, cluster string
	cmd := &cobra.Command{
		Use:     "init",
		Short:   "Make the two authorities of a cluster",
		Example: "  lockd tls init --out pki",
		Args:    c.Args(0),
		RunE: func(*cobra.Command, []string) error {
			if err := pki.Init(out, cluster, time.Now()); err != nil {
				return err
			}
			fmt.Fprintf(c.Out, "wrote the authorities of cluster %s to %s; keep it off the nodes\n", cluster, out)
			fmt.Fprintf(c.Out, "next, for each node: lockd tls node NAME --ca %s --host HOST[,HOST...]\n", out)
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "pki", "directory to write to")
	cmd.Flags().StringVar(&cluster, "cluster", "lockd", "name of the cluster, part of every certificate")
	return cmd
}

// issuing is what node and client have in common.
type issuing struct {
	ca, out string
	days    int
}

func (i *issuing) addTo(cmd *cobra.Command) {
	cmd.Flags().StringVar(&i.ca, "ca", "pki", "directory of the authorities")
	cmd.Flags().StringVar(&i.out, "out", "", "directory to write to (default NAME)")
	cmd.Flags().Var(config.Number(&i.days, 1, maxDays), "days", fmt.Sprintf("how long the certificate is valid (default %d)", defaultDays))
}

func (i *issuing) life() time.Duration { return time.Duration(cmp.Or(i.days, defaultDays)) * day }

func newNodeCommand(c Config) *cobra.Command {
	var i issuing
	var hosts []string
	cmd := &cobra.Command{
		Use:   "node NAME",
		Short: "Make the TLS directory of a node",
		Long: `Make the TLS directory of a node. NAME is its --node-id. The hosts are the DNS names and IP
addresses that clients use; nodes recognise each other by name. With 127.0.0.1 and localhost
among them, the command line on the node itself works, too.`,
		Example: "  lockd tls node lock-1 --host lock-1.example,10.0.0.1,127.0.0.1,localhost --out tls",
		Args:    c.Args(1, "NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(hosts) == 0 {
				return c.Usage(fmt.Errorf("want --host: the DNS names and IP addresses by which clients reach %s", args[0]))
			}
			dir := cmp.Or(i.out, args[0])
			if err := pki.IssueNode(i.ca, dir, args[0], hosts, i.life(), time.Now()); err != nil {
				return err
			}
			fmt.Fprintf(c.Out, "wrote %s; copy it to the node and start that with --tls-dir\n", dir)
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&hosts, "host", nil, "DNS names and IP addresses of the node, without port")
	i.addTo(cmd)
	return cmd
}

func newClientCommand(c Config) *cobra.Command {
	var i issuing
	cmd := &cobra.Command{
		Use:     "client PRINCIPAL",
		Short:   "Make the certificate of a client",
		Example: "  lockd tls client billing --out billing\n  curl --cacert billing/ca.crt --cert billing/client.crt --key billing/client.key https://lock-1:7400/v1/leases",
		Args:    c.Args(1, "PRINCIPAL"),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := cmp.Or(i.out, args[0])
			if err := pki.IssueClient(i.ca, dir, args[0], i.life(), time.Now()); err != nil {
				return err
			}
			fmt.Fprintf(c.Out, "wrote %s: ca.crt, client.crt and client.key\n", dir)
			return nil
		},
	}
	i.addTo(cmd)
	return cmd
}

func newRotateCommand(c Config) *cobra.Command {
	var ca, out string
	cmd := &cobra.Command{
		Use:   "rotate-ca",
		Short: "Make new authorities for a running cluster",
		Long: `Make new authorities for a running cluster, and the files of the three steps in which it
changes over without a lost lease. Nodes reload their TLS directory within 10 s.`,
		Example: "  lockd tls rotate-ca --ca pki --out pki-next",
		Args:    c.Args(0),
		RunE: func(*cobra.Command, []string) error {
			if err := pki.Rotate(ca, out, time.Now()); err != nil {
				return err
			}
			both := filepath.Join(out, pki.BothDir)
			fmt.Fprintf(c.Out, `wrote %[1]s. The three steps, each on every node before the next:
1. trust both: copy %[2]s/ca.crt and %[2]s/client-ca.crt into the TLS directory, and ca.crt to the clients
2. new certificates: lockd tls node NAME --ca %[1]s --host HOST --out DIR, and copy node.crt and node.key;
   lockd tls client PRINCIPAL --ca %[1]s for each client that has a certificate
3. trust the new ones alone: remove %[2]s, and copy %[1]s/ca.crt and %[1]s/client-ca.crt as in step 1
`, out, both)
			return nil
		},
	}
	cmd.Flags().StringVar(&ca, "ca", "pki", "directory of the present authorities")
	cmd.Flags().StringVar(&out, "out", "pki-next", "directory to write the new ones to")
	return cmd
}

func newShowCommand(c Config) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show [FILE|DIR]...",
		Short:   "Show certificates and when they expire",
		Example: "  lockd tls show pki /etc/lockd/tls",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"."}
			}
			var all []pki.Described
			for _, path := range args {
				certs, err := pki.Describe(path)
				if err != nil {
					return err
				}
				all = append(all, certs...)
			}
			t := &console.Table{Head: "FILE\tSUBJECT\tHOSTS\tEXPIRES\tSERIAL"}
			for _, s := range all {
				t.Add(s.File, s.Subject, strings.Join(s.Hosts, ","), s.Expires.Format(time.DateTime), s.Serial)
			}
			return c.Print(all, t)
		},
	}
	cmd.Flags().AddFlag(c.Format)
	return cmd
}
