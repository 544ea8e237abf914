package main

import (
	"net/http"

	"github.com/spf13/pflag"

	lockd "github.com/lockd/lockd/clients/go"

	"github.com/lockd/lockd/internal/config"
)

// tlsFiles are the files for https addresses.
type tlsFiles struct{ ca, cert, key string }

func (f *tlsFiles) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&f.ca, "cacert", "", "ca.crt of the cluster, for https addresses (default the authorities of the system)")
	flags.StringVar(&f.cert, "cert", "", "client certificate, for https addresses")
	flags.StringVar(&f.key, "key", "", "key of --cert")
	config.Bind(flags, "cacert", "cert", "key")
}

// configure sets the files in the configuration of a client.
func (f *tlsFiles) configure(cfg *lockd.Config) {
	cfg.CAFile, cfg.CertFile, cfg.KeyFile = f.ca, f.cert, f.key
}

// httpClient returns a client for requests that lockd.Client does not have.
func (f *tlsFiles) httpClient() (*http.Client, error) {
	var cfg lockd.Config
	f.configure(&cfg)
	client, err := lockd.NewHTTPClient(cfg)
	if err != nil {
		return nil, usageError{err}
	}
	return client, nil
}
