// Package kubeconfig writes the files by which clients of Kubernetes reach the Kubernetes API of lockd.
package kubeconfig

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Config is how a client reaches the nodes, and its credentials.
type Config struct {
	Server    *url.URL
	Name      string // of the cluster, the user and the context
	Namespace string

	CA        []byte // PEM; empty: the authorities of the system
	Token     string // empty: none
	TokenFile string // read again by the client when it changes; instead of Token
	CertFile  string // client certificate; empty: none
	KeyFile   string
}

// Plain is the warning about a token for a server without TLS.
const Plain = "clients of Kubernetes send a token to https addresses only: without TLS on the nodes, they are callers without a credential"

// Warning returns what the caller should know about the configuration, or "".
func (c *Config) Warning() string {
	if c.Server.Scheme != "https" && (c.Token != "" || c.TokenFile != "") {
		return Plain
	}
	return ""
}

type file struct {
	APIVersion     string         `yaml:"apiVersion"`
	Kind           string         `yaml:"kind"`
	Clusters       []namedCluster `yaml:"clusters"`
	Users          []namedUser    `yaml:"users"`
	Contexts       []namedContext `yaml:"contexts"`
	CurrentContext string         `yaml:"current-context"`
}

type namedCluster struct {
	Name    string  `yaml:"name"`
	Cluster cluster `yaml:"cluster"`
}

type cluster struct {
	Server string `yaml:"server"`
	CAData string `yaml:"certificate-authority-data,omitempty"`
	Skip   bool   `yaml:"insecure-skip-tls-verify,omitempty"` // the client of Node refuses http addresses without it
}

type namedUser struct {
	Name string `yaml:"name"`
	User user   `yaml:"user"`
}

type user struct {
	Token     string `yaml:"token,omitempty"`
	TokenFile string `yaml:"tokenFile,omitempty"`
	CertFile  string `yaml:"client-certificate,omitempty"`
	KeyFile   string `yaml:"client-key,omitempty"`
}

type namedContext struct {
	Name    string        `yaml:"name"`
	Context contextFields `yaml:"context"`
}

type contextFields struct {
	Cluster   string `yaml:"cluster"`
	User      string `yaml:"user"`
	Namespace string `yaml:"namespace"`
}

// Marshal returns the kubeconfig file. The paths in it are absolute.
func (c *Config) Marshal() ([]byte, error) {
	u := user{Token: c.Token}
	for _, path := range []struct {
		from string
		to   *string
	}{{c.TokenFile, &u.TokenFile}, {c.CertFile, &u.CertFile}, {c.KeyFile, &u.KeyFile}} {
		if path.from == "" {
			continue
		}
		absolute, err := filepath.Abs(path.from)
		if err != nil {
			return nil, fmt.Errorf("find %s: %w", path.from, err)
		}
		*path.to = absolute
	}
	to := cluster{Server: c.Server.String(), CAData: base64.StdEncoding.EncodeToString(c.CA)}
	if c.Server.Scheme == "http" {
		to.CAData, to.Skip = "", true
	}
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	err := encoder.Encode(file{
		APIVersion: "v1", Kind: "Config", CurrentContext: c.Name,
		Clusters: []namedCluster{{c.Name, to}},
		Users:    []namedUser{{c.Name, u}},
		Contexts: []namedContext{{c.Name, contextFields{Cluster: c.Name, User: c.Name, Namespace: c.Namespace}}},
	})
	return b.Bytes(), err
}

// The files that a client finds in a container: see rest.InClusterConfig of client-go.
const (
	tokenFile     = "token"
	caFile        = "ca.crt"
	namespaceFile = "namespace"
)

// MountPath is where a client in a container looks for the files of WriteCredentials.
const MountPath = "/var/run/secrets/kubernetes.io/serviceaccount"

// WriteCredentials writes the files that in-cluster configuration reads into a directory. Such a client uses https and a
// token always.
func (c *Config) WriteCredentials(dir string) error {
	token := c.Token
	switch {
	case c.Server.Scheme != "https":
		return errors.New("in-cluster configuration uses https: start the nodes with --tls-dir and pass an https address with --addr")
	case len(c.CA) == 0:
		return errors.New("in-cluster configuration needs the authority of the nodes: pass ca.crt with --cacert")
	case c.TokenFile != "":
		text, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return err
		}
		token = strings.TrimSpace(string(text))
	}
	if token == "" {
		token = "none" // a node without authentication does not read it, and client-go refuses an empty one
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, text := range map[string][]byte{tokenFile: []byte(token), caFile: c.CA, namespaceFile: []byte(c.Namespace)} {
		if err := replace(filepath.Join(dir, name), text); err != nil {
			return err
		}
	}
	return nil
}

// Environment returns the variables that in-cluster configuration reads.
func (c *Config) Environment() []string {
	port := c.Server.Port()
	if port == "" {
		port = "443"
	}
	return []string{"KUBERNETES_SERVICE_HOST=" + c.Server.Hostname(), "KUBERNETES_SERVICE_PORT=" + port}
}

// replace writes a file that only its owner can read, whole or not at all.
func replace(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
