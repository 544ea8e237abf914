package chaos

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A filter is the packet filter of a host, for incoming and outgoing packets. It does not change loopback traffic.
type filter struct{ in, out []string }

// dropped is the end of a rule that counts and drops packets.
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
