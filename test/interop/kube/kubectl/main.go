// Command kubectl is kubectl as its module has it, for the tests: its own main package is in a module that cannot be
// imported.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
)

func main() { os.Exit(cli.Run(cmd.NewDefaultKubectlCommand())) }
