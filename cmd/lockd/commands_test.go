package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// all calls visit for a command and those below it, except for hidden ones.
func all(cmd *cobra.Command, visit func(*cobra.Command)) {
	if cmd.Hidden {
		return
	}
	visit(cmd)
	for _, sub := range cmd.Commands() {
		all(sub, visit)
	}
}

// TestEveryCommandHasAnExampleThatParses checks each line of an example that begins with lockd, as far as the shell
// passes it to lockd.
func TestEveryCommandHasAnExampleThatParses(t *testing.T) {
	root, _ := newRootCommand(&cli{})
	all(root, func(cmd *cobra.Command) {
		found := false
		for _, line := range strings.Split(strings.ReplaceAll(cmd.Example, "\\\n", " "), "\n") {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "lockd ") {
				found = found || strings.Contains(line, cmd.CommandPath())
				continue
			}
			own, _ := newRootCommand(&cli{}) // the values of flags accumulate
			of, args, err := own.Find(words(line)[1:])
			of.InitDefaultHelpFlag()
			if err == nil {
				err = of.ParseFlags(args)
			}
			if err == nil {
				err = of.ValidateArgs(of.Flags().Args())
			}
			if err == nil {
				err = of.ValidateRequiredFlags()
			}
			if err != nil || !of.Runnable() {
				t.Errorf("%s: %s: %v", cmd.CommandPath(), line, err)
			}
			found = found || of.CommandPath() == cmd.CommandPath() || cmd.HasSubCommands()
		}
		if !found {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
	})
}

// words returns the words of a line of a shell, up to a comment, a pipe, a redirection or the next command.
func words(line string) (all []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			all = append(all, part)
			continue
		}
		for _, word := range strings.Fields(part) {
			if strings.ContainsAny(word[:1], "#|>&") {
				return all
			}
			all = append(all, word)
		}
	}
	return all
}

// TestHelpHasGroupsAndExamplesFirst checks the order of the help.
func TestHelpHasGroupsAndExamplesFirst(t *testing.T) {
	for line, parts := range map[string][]string{
		"--help": {"lockd grants leases", "Examples:", "lockd lock", "If the help", "Usage:", "Locks and elections:", " acquire", " lock", "Leases:", " get", "Cluster:", " bench",
			"Access:", " token", "Server:", " server", "Other:", " completion", " version", "Flags:"},
		"lock --help": {"Run a command while holding a lease", "Examples:", "The command is dead", "flock FILE CMD", "Usage:", "Flags:"},
	} {
		r := command("", strings.Fields(line)...)
		rest := r.out
		for _, part := range parts {
			_, after, ok := strings.Cut(rest, part)
			if !ok {
				t.Fatalf("%s: %q is not in its place: exit %d\n%s", line, part, r.code, r.out)
			}
			rest = after
		}
		if strings.Count(r.out, "Examples:") != 1 || strings.Contains(r.out, "Additional") {
			t.Errorf("%s\n%s", line, r.out)
		}
	}
}

func TestCompletion(t *testing.T) {
	n := newNode(t, map[string]answer{
		"GET /v1/leases":     {body: `{"leases":[` + heldNow + `,{"name":"jobs","state":"delayed"}],"revision":9}`},
		"GET /v1/leases/job": {body: heldNow},
		"GET /v1/cluster":    {body: `{"node":{"name":"n1"},"nodes":[{"name":"n1","http":"h1"},{"name":"m2"}]}`},
		"GET /v1/principals": {body: `{"principals":[{"name":"billing","rules":["read:*"]}]}`},
	})
	t.Setenv("LOCKD_ADDR", n.URL)
	t.Setenv("LOCKD_TOKEN", "lockd_token")
	for line, want := range map[string]string{
		"get j":                       "job\theld by me\njobs\tdelayed\n:4\n",
		"lock j":                      "job\theld by me\njobs\tdelayed\n:4\n",
		"lock job ":                   ":0\n", // files
		"get job ":                    ":4\n",
		"acquire job j":               "jobs\tdelayed\n:4\n",
		"break job --token ":          "7\tme\n:4\n",
		"transfer job --to ":          "you\n:4\n",
		"check job ":                  "7\tme\n:4\n",
		"cluster remove n":            "n1\th1\n:4\n",
		"principal delete b":          "billing\tread:*\n:4\n",
		"get job -o ":                 "table\nwide\njson\n:4\n",
		"server --log-level ":         "debug\ninfo\nwarn\nerror\n:4\n",
		"bench --work ":               "acquire\nrenew\nread\n:4\n",
		"get --addr 127.0.0.1:1 ":     ":4\n",
		"get --token-file /missing/ ": ":4\n",
	} {
		r := command("", append([]string{"__complete"}, strings.Split(line, " ")...)...)
		if r.code != 0 || r.out != want {
			t.Errorf("%s: exit %d, %q, want %q", line, r.code, r.out, want)
		}
	}
	if got := n.requests[len(n.requests)-1]; !strings.HasPrefix(got, "GET /v1/") {
		t.Errorf("a completion changed something: %s", got)
	}
}

// A node that accepts connections and never answers does not block the shell.
func TestCompletionEndsWithoutAnAnswer(t *testing.T) {
	if r := command("", "__complete", "get", "--addr", hangingNode(t), "j"); r.code != 0 || r.out != ":4\n" || strings.Contains(r.errOut, "warning") {
		t.Errorf("exit %d: %q %q", r.code, r.out, r.errOut)
	}
}

// hangingNode returns the address of a server that never answers.
func hangingNode(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(srv.Close)
	return srv.URL
}
