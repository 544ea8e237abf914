// Fencing writes to a database under a lease. The database refuses writes that come too late. Start
// it and stop it with Ctrl-Z before it writes. Let another one write, then continue the first one
// with fg: its write changes nothing, and it exits with code 3.
package main

import (
	"bufio"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"log"
	"os"
	"strings"
	"time"

	_ "modernc.org/sqlite"

	lockd "github.com/lockd/lockd/clients/go"
)

// tooLate is the exit code if a later holder has already written.
const tooLate = 3

var errTooLate = errors.New("too late")

func main() {
	log.SetFlags(0)
	db, err := open("accounts.db")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	addresses := strings.Split(cmp.Or(os.Getenv("LOCKD_ADDR"), lockd.DefaultAddress), ",")
	client, err := lockd.New(lockd.Config{Addresses: addresses})
	if err != nil {
		log.Fatal(err)
	}
	log.Print(client.Holder(), " waits for its turn")
	opts := lockd.AcquireOptions{TTL: 2 * time.Second, Wait: time.Minute}
	err = client.Do(context.Background(), "account-1", opts, func(ctx context.Context, lease *lockd.Lease) error {
		log.Print(lease.Holder, " holds with token ", lease.Token, ": press Enter to write")
		if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
			return err
		}
		// A check of ctx would not help: the program can be stopped right after it.
		return write(db, lease.Holder, lease.Token)
	})
	switch {
	case errors.Is(err, errTooLate):
		os.Exit(tooLate)
	case err != nil:
		log.Fatal(err)
	}
}

func open(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	_, err = db.Exec(`
		CREATE TABLE IF NOT EXISTS accounts (id INTEGER PRIMARY KEY, value TEXT NOT NULL, token INTEGER NOT NULL);
		INSERT INTO accounts VALUES (1, 'nothing', 0) ON CONFLICT DO NOTHING`)
	return db, err
}

// write stores the highest token in the row, and a lower token changes nothing. It is a single
// statement, so no other write can happen between check and update.
func write(db *sql.DB, value string, token uint64) error {
	result, err := db.Exec("UPDATE accounts SET value = ?, token = ? WHERE id = 1 AND token <= ?", value, token, token)
	if err != nil {
		return err
	}
	rows, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if rows > 0 {
		log.Print(value, " wrote with token ", token)
		return nil
	}
	var by string
	var last uint64
	if err := db.QueryRow("SELECT value, token FROM accounts WHERE id = 1").Scan(&by, &last); err != nil {
		return err
	}
	log.Print(value, " was refused with token ", token, ": ", by, " wrote with token ", last)
	return errTooLate
}
