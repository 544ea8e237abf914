package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/lockd/lockd"
	"github.com/lockd/lockd/internal/console"
)

// version is set when a release is built: -ldflags "-X main.version=v1.2.3".
var version = "dev"

type versionAnswer struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func thisProgram() versionAnswer {
	return versionAnswer{version, commit(), runtime.Version(), runtime.GOOS, runtime.GOARCH}
}

func (v versionAnswer) String() string {
	return fmt.Sprintf("lockd %s commit %s %s %s/%s", v.Version, v.Commit, v.Go, v.OS, v.Arch)
}

func newVersionCommand(c *cli) *cobra.Command {
	var licenses bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program, or its licenses",
		Example: "  lockd version\n  lockd version --licenses | less",
		Args:    arguments(0),
		RunE: func(*cobra.Command, []string) error {
			if licenses {
				_, err := fmt.Fprintf(c.out, "%s\n%s", lockd.License, lockd.ThirdPartyLicenses)
				return err
			}
			v := thisProgram()
			if c.output == console.FormatJSON {
				return c.print(v)
			}
			_, err := fmt.Fprintln(c.out, v)
			return err
		},
	}
	cmd.Flags().BoolVar(&licenses, "licenses", false, "print the licenses of lockd and of the software in it")
	cmd.Flags().AddFlag(c.outputFlag())
	return cmd
}

// commit returns the commit that the program was built from, if the build recorded it.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, dirty := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	return revision + dirty
}
