package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/kubeconfig"
)

func newKubeconfigCommand(c *cli) *cobra.Command {
	var namespace string
	cmd := &cobra.Command{
		Use:   "kubeconfig",
		Short: "Print a kubeconfig file for kubectl and client-go",
		Long: `Print a kubeconfig file with which kubectl and every client of Kubernetes reach the
Leases of the cluster: the first address of --addr, the authority, and the token or the
client certificate of the caller. The file has the token itself, unless it comes from
--token-file. Each Lease NAMESPACE/NAME is the lease k8s/NAMESPACE/NAME.`,
		Example: `  lockd kubeconfig > kubeconfig
  kubectl --kubeconfig kubeconfig get leases -A --watch`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			k, err := c.kubeconfig(namespace)
			if err != nil {
				return err
			}
			if warning := k.Warning(); warning != "" {
				fmt.Fprintln(cmd.ErrOrStderr(), "lockd: "+warning)
			}
			text, err := k.Marshal()
			if err != nil {
				return err
			}
			_, err = c.out.Write(text)
			return err
		},
	}
	cmd.Flags().StringVarP(&namespace, "namespace", "n", "default", "namespace of the context")
	return cmd
}

func newKubeCredentialsCommand(c *cli) *cobra.Command {
	var namespace, out string
	cmd := &cobra.Command{
		Use:   "kube-credentials --out DIR",
		Short: "Write the files that in-cluster configuration reads",
		Long: `Write the files token, ca.crt and namespace, which a program finds in a container of
Kubernetes, so that programs with in-cluster configuration elect through lockd in any
container. Mount the directory at ` + kubeconfig.MountPath + `
and set the variables that the command prints. Such programs need https and read the
files again: run the command again after the token has changed.`,
		Example: `  lockd kube-credentials --addr https://lock-1:7400 --cacert ca.crt --token-file token --out kube
  docker run --env KUBERNETES_SERVICE_HOST=lock-1 --env KUBERNETES_SERVICE_PORT=7400 \
    --volume ./kube:` + kubeconfig.MountPath + `:ro controller`,
		Args: arguments(0),
		RunE: func(*cobra.Command, []string) error {
			if out == "" {
				return usageError{errors.New("want --out DIR")}
			}
			k, err := c.kubeconfig(namespace)
			if err != nil {
				return err
			}
			if err := k.WriteCredentials(out); err != nil {
				return err
			}
			for _, variable := range k.Environment() {
				fmt.Fprintln(c.out, variable)
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&namespace, "namespace", "n", "default", "namespace of the program")
	cmd.Flags().StringVar(&out, "out", "", "directory to write to")
	return cmd
}

// kubeconfig returns how clients of Kubernetes reach the first address.
func (c *cli) kubeconfig(namespace string) (*kubeconfig.Config, error) {
	var cfg lockd.Config
	if err := c.configure(&cfg); err != nil {
		return nil, err
	}
	server, err := lockd.ParseAddress(c.addrs[0])
	if err != nil {
		return nil, usageError{err}
	}
	k := &kubeconfig.Config{
		Server: server, Name: "lockd", Namespace: cmp.Or(namespace, "default"),
		Token: cfg.Token, TokenFile: cfg.TokenFile, CertFile: cfg.CertFile, KeyFile: cfg.KeyFile,
	}
	if cfg.CAFile != "" {
		if k.CA, err = os.ReadFile(cfg.CAFile); err != nil {
			return nil, usageError{fmt.Errorf("--cacert: %w", err)}
		}
	}
	return k, nil
}
