package echo

import (
	"encoding/json"
	"net/http"
	"os"
	"time"
)

// answer has the members of lockd's answer to a renewal, with values of the same length.
type answer struct {
	Name      string `json:"name"`
	Holder    string `json:"holder"`
	Session   string `json:"session"`
	Token     uint64 `json:"token"`
	Slot      int    `json:"slot"`
	TTL       int    `json:"ttl_ms"`
	ExpiresIn int    `json:"expires_in_ms"`
	RenewIn   int    `json:"renew_in_ms"`
	Waited    int    `json:"waited_ms"`
	Revision  uint64 `json:"revision"`
}

// Serve answers renewals at an address until the process ends. It decodes and encodes JSON with the standard library
// and does nothing else. It returns only with an error.
func Serve(address string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/leases/{name}/renew", renew)
	s := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: time.Minute}
	return s.ListenAndServe()
}

func renew(w http.ResponseWriter, r *http.Request) {
	var body struct{ Session string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b, err := json.Marshal(answer{
		Name: r.PathValue("name"), Holder: "bench", Session: body.Session,
		Token: 184467, TTL: 60_000, ExpiresIn: 59_940, RenewIn: 20_000, Revision: 184467,
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n')) // an error means that the client has disconnected
}

// addressVariable is the environment variable with the address of the echo server. Servers sets it for the new process.
const addressVariable = "LOCKD_BENCH_ECHO"

// ServeAddress returns the address at which this process must call Serve. ok is false if the process is not an echo
// server.
func ServeAddress() (address string, ok bool) { return os.LookupEnv(addressVariable) }
