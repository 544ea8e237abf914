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
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/storage"
)

const recoverWarning = `THE LAST RESORT: the nodes that are given up must never start with their old data again.

This makes %s the only member of its cluster and its data the truth:
  - What only the lost nodes knew is lost. A lease that one of them granted
    meanwhile is unknown here, so for a while two may believe that they hold it.
  - Therefore nothing is granted for the quarantine (%s),
    and tokens jump ahead, so that every new holder's is above all from before.
    If the lost nodes may have granted a longer TTL, name a longer --quarantine.
  - Those who hold a lease by this node's data go on holding it.
  - The other nodes must be wiped and started with --join.
`

// surveyed describes what the data directory contains, so that the node with the newest
// data can be chosen.
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
	quarantine := time.Duration(-1) // as the data say
	var yes bool
	cmd := &cobra.Command{
		Use:   "recover",
		Short: "Go on from one stopped node after the others are lost for good",
		Long: `Go on from one stopped node after a quorum was lost for good.

Use it only when the other nodes will never come back. Stop lockd on this node,
choose the node with the newest data (without --yes this shows them and changes
nothing), run this once, start the node again, and
let empty nodes join it.`,
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
			how := fmt.Sprintf("%v: the longest TTL that this node knows to have been granted", millis(found.Quarantine))
			if quarantine >= 0 {
				how = quarantine.String()
			}
			fmt.Fprintf(cmd.ErrOrStderr(), recoverWarning, dir, how)
			fmt.Fprintln(cmd.ErrOrStderr(), surveyed(found, time.Now()))
			if !yes {
				return usageError{errors.New("nothing was changed; say --yes when you have read this")}
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
				"%s is now the only member (it was one of %d: %s).\nTokens go on from %d; nothing is granted for %v after it starts.\n",
				done.Node, len(done.Members), strings.Join(done.Members, ", "), done.Revision,
				time.Duration(done.Quarantine)*time.Millisecond)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&dir, "data-dir", app.DefaultDataDir, "the stopped node's data directory")
	flags.Var(durationOf(&quarantine, 0, millis(fsm.MaxTTL)), "quarantine",
		"how long nothing is granted (default the longest TTL that this node knows of)")
	flags.BoolVar(&yes, "yes", false, "do it")
	bindable(flags, "data-dir", "quarantine")
	return cmd
}
