// Package observability tests the dashboard and the alerts in deploy/ against running nodes, and with promtool.
package observability
