package chaos

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A filter is what a host's packet filter does to what comes in and what goes
// out. What the host says to itself is never touched.
type filter struct{ in, out []string }

// dropped is a rule's end: it counts, silently.
const dropped = "counter drop"

func (h *host) setFilter(f filter) error {
	rules := fmt.Sprintf(`flush ruleset
table inet chaos {
	chain in { type filter hook input priority 0; iifname "lo" accept; %s; }
	chain out { type filter hook output priority 0; oifname "lo" accept; %s; }
}
`, strings.Join(f.in, "; "), strings.Join(f.out, "; "))
	_, err := h.run(rules, "nft", "-f", "-")
	return err
}

func (h *host) clearFilter() error {
	_, err := h.run("flush ruleset\n", "nft", "-f", "-")
	return err
}

var packetCount = regexp.MustCompile(`counter packets (\d+)`)

// droppedPackets returns how many packets the filter has dropped since it was set.
func (h *host) droppedPackets() (int, error) {
	out, err := h.run("", "nft", "list", "ruleset")
	if err != nil {
		return 0, err
	}
	sum := 0
	for _, m := range packetCount.FindAllStringSubmatch(out, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}
