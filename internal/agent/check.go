package agent

import (
	"context"
	"fmt"
	"net/http"
)

// Get returns a health check that passes if a GET of the URL returns a 2xx.
func Get(client *http.Client, url string) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode < 200 || resp.StatusCode > 299 {
			return fmt.Errorf("%s answers %s", url, resp.Status)
		}
		return nil
	}
}
