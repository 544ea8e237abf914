package connect

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/config"
)

// TokenVariable is the variable with the token. It has no flag: other users can see flags in the process list.
const TokenVariable = "LOCKD_TOKEN"

const maxTokenFile = 16 << 10

// token is the token that requests carry.
type token struct {
	file     string
	flag     *pflag.Flag // of file
	insecure bool
	piped    string // the token that was read from a pipe, which can be read once
}

func (t *token) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&t.file, "token-file", "", "file with the token of the caller, instead of "+TokenVariable)
	flags.BoolVar(&t.insecure, "insecure", false, "send the token in plain text to other machines")
	config.Bind(flags, "token-file")
	t.flag = flags.Lookup("token-file")
}

func (t *token) exists() bool { return t.file != "" || os.Getenv(TokenVariable) != "" }

// configure sets the token in the configuration of a client. A flag overrides the variables.
func (t *token) configure(cfg *lockd.Config) error {
	fromVariable := os.Getenv(TokenVariable)
	cfg.Insecure = t.insecure
	switch {
	case t.file == "":
		cfg.Token = fromVariable
		return nil
	case fromVariable != "" && config.Origin(t.flag) != "flag":
		return errors.New("LOCKD_TOKEN and LOCKD_TOKEN_FILE are both set; set only one of them")
	}
	if info, err := os.Stat(t.file); err != nil || info.Mode().IsRegular() {
		cfg.TokenFile = t.file // the client reads it again, because it may be replaced
		return nil
	}
	if t.piped == "" {
		text, err := config.ReadSmallFile(t.file, maxTokenFile)
		if err != nil {
			return fmt.Errorf("--token-file: %w", err)
		}
		t.piped = strings.TrimRight(string(text), " \t\r\n")
	}
	cfg.Token = t.piped
	return nil
}
