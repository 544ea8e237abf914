// Package connect has the flags with which a command reaches nodes: the files for https addresses, the token of the
// caller, and headers for a proxy.
package connect

import (
	"errors"
	"net/http"
	"strings"

	"github.com/spf13/pflag"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/config"
)

// Flags are the values of the flags, once AddTo has added them.
type Flags struct {
	ca, cert, key string
	token         token
	headers       http.Header
	wrongHeader   error
}

// AddTo adds the flags.
func (f *Flags) AddTo(flags *pflag.FlagSet) {
	flags.StringVar(&f.ca, "cacert", "", "ca.crt of the cluster, for https addresses (default the authorities of the system)")
	flags.StringVar(&f.cert, "cert", "", "client certificate, for https addresses")
	flags.StringVar(&f.key, "key", "", "key of --cert")
	config.Bind(flags, "cacert", "cert", "key")
	f.token.addTo(flags)
	flags.Var(&header{to: f}, "header", "header to send with each request, can be repeated; other users can see it in the process list")
	flags.Var(&header{to: f, fromFile: true}, "header-file", "file with headers, one per line, for secret values")
	config.Bind(flags, "header", "header-file")
}

// CAFile returns the file with the authorities of the nodes, or "".
func (f *Flags) CAFile() string { return f.ca }

// HasCredentials reports whether requests have a token or a client certificate.
func (f *Flags) HasCredentials() bool { return f.token.exists() || f.cert != "" }

// Configure sets the headers and the token in the configuration of a client and, unless it has an HTTPClient, the files
// for https addresses.
func (f *Flags) Configure(cfg *lockd.Config) error {
	if f.wrongHeader != nil {
		return f.wrongHeader
	}
	cfg.Headers = f.headers
	if cfg.HTTPClient == nil {
		cfg.CAFile, cfg.CertFile, cfg.KeyFile = f.ca, f.cert, f.key
	}
	return f.token.configure(cfg)
}

// public returns a client and the headers for requests that need no credentials and that lockd.Client does not have.
func (f *Flags) public() (*http.Client, http.Header, error) {
	if f.wrongHeader != nil {
		return nil, nil, f.wrongHeader
	}
	client, err := lockd.NewHTTPClient(lockd.Config{CAFile: f.ca, CertFile: f.cert, KeyFile: f.key})
	return client, f.headers, inFlags(err)
}

// New is lockd.New. Its errors name flags instead of fields.
func New(cfg lockd.Config) (*lockd.Client, error) {
	client, err := lockd.New(cfg)
	return client, inFlags(err)
}

var fieldFlags = strings.NewReplacer(
	"Token: ", TokenVariable+": ", "TokenFile ", "--token-file ", "set Insecure", "pass --insecure",
	"use Token or TokenFile, or the header", "use LOCKD_TOKEN or --token-file, or --header with",
	"CertFile and KeyFile", "--cert and --key", "CAFile is set", "--cacert is set", "CertFile is set", "--cert is set", "the client has a token too", "there is a token too",
)

func inFlags(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(fieldFlags.Replace(err.Error()))
}
