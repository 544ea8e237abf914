package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/internal/cluster"
	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/storage"
)

const recoverWarning = `LAST RESORT: never start the lost nodes again with their old data.

This makes %s the only member of its cluster. Its data become the state of the cluster:
  - Data that only the lost nodes had are lost. A lease that one of them granted in the
    meantime is unknown here, so for a while two sessions may believe that they hold it.
  - Therefore no lease is granted for the quarantine (%s),
    and tokens jump ahead, so that every new token is higher than all earlier ones.
    If the lost nodes may have granted a longer TTL, pass a longer --quarantine.
  - Sessions that hold a lease according to this node's data keep it.
  - The other nodes must be wiped and started with --join.
`

// surveyed describes the content of the data directory, so that the operator can choose the node
// with the newest data.
func surveyed(s storage.Survey, now time.Time) string {
	newest := "none"
	if !s.Newest.IsZero() {
		newest = fmt.Sprintf("%s, %v ago by this machine's clock", s.Newest.UTC().Format(time.RFC3339), now.Sub(s.Newest).Truncate(time.Second))
	}
	return fmt.Sprintf(`The data of this node:
  node          %s
  term          %d
  last log      %d/%d (the highest term is the newest, then the highest index)
  revision      %d
  newest entry  %s
`, s.Node, s.Term, s.LastLogTerm, s.LastLogIndex, s.Revision, newest)
}

func newRecoverCommand() *cobra.Command {
	var dir string
	quarantine := time.Duration(-1) // as in the data
	var yes bool
	cmd := &cobra.Command{
		Use:   "recover",
		Short: "Restart the cluster from one stopped node after the others are permanently lost",
		Long: `Restart the cluster from one stopped node after a quorum was permanently lost.

Use it only if the other nodes will never come back. Stop lockd on this node. Choose
the node with the newest data: without --yes the command shows the data and changes
nothing. Run it once with --yes, start the node again, and let empty nodes join it.`,
		Example: "  lockd recover --data-dir /var/lib/lockd --yes",
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			keepFilesPrivate()
			if _, err := os.Stat(dir); err != nil {
				return usageError{fmt.Errorf("--data-dir %s: %w", dir, err)}
			}
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
			found, err := storage.Look(dir, log)
			if errors.Is(err, storage.ErrNoData) {
				return usageError{err}
			} else if err != nil {
				return err
			}
			how := fmt.Sprintf("%v: the longest TTL in the data of this node", millis(found.Quarantine))
			if quarantine >= 0 {
				how = quarantine.String()
			}
			fmt.Fprintf(cmd.ErrOrStderr(), recoverWarning, dir, how)
			fmt.Fprintln(cmd.ErrOrStderr(), surveyed(found, time.Now()))
			if !yes {
				return usageError{errors.New("nothing was changed; pass --yes after you have read this")}
			}
			q := fsm.Millis(-1)
			if quarantine >= 0 {
				q = fsm.Millis(quarantine.Milliseconds())
			}
			done, err := cluster.Recover(cluster.Recovery{
				Dir: dir, Quarantine: q, Now: time.Now(),
				Log: log,
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(),
				"%s is now the only member (it was one of %d: %s).\nTokens continue from %d. No lease is granted for %v after the start.\n",
				done.Node, len(done.Members), strings.Join(done.Members, ", "), done.Revision,
				time.Duration(done.Quarantine)*time.Millisecond)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&dir, "data-dir", app.DefaultDataDir, "the stopped node's data directory")
	flags.Var(config.Duration(&quarantine, 0, millis(fsm.MaxTTL)), "quarantine",
		"how long no lease is granted (default the longest TTL that this node knows of)")
	flags.BoolVar(&yes, "yes", false, "confirm the recovery")
	config.Bind(flags, "data-dir", "quarantine")
	return cmd
}
