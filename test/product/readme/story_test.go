package readme

import (
	"fmt"
	"regexp"
	"strings"
)

// A block is one ```console block: the commands of one terminal.
type block struct {
	line     int    // in the document, from 1
	terminal string // "" is the first terminal
	steps    []step
}

// A step is one command and its output. Without a command it is the next output of the running command.
type step struct {
	line      int
	command   string
	interrupt bool     // Ctrl-C, followed by the last output of the command
	output    []string // unfolded
}

// parse returns the console blocks of a document.
func parse(document string) ([]block, error) {
	var blocks []block
	var b *block
	inCommand := false
	for i, line := range strings.Split(document, "\n") {
		switch info, fence := strings.CutPrefix(line, "```console"); {
		case b == nil && fence:
			name, err := terminalOf(info)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			b = &block{line: i + 1, terminal: name}
			continue
		case b == nil:
			continue
		case line == "```":
			if len(b.steps) == 0 {
				b.steps = []step{{line: b.line}}
			}
			blocks = append(blocks, *b)
			b = nil
			continue
		}
		command, isCommand := strings.CutPrefix(line, "$ ")
		last := len(b.steps) - 1
		switch {
		case inCommand:
			b.steps[last].command += "\n" + line
		case isCommand:
			b.steps = append(b.steps, step{line: i + 1, command: command})
		case line == "^C":
			b.steps = append(b.steps, step{line: i + 1, interrupt: true})
		case last < 0:
			b.steps = []step{{line: i + 1, output: []string{line}}}
		case strings.HasPrefix(line, fold) && len(b.steps[last].output) > 0:
			o := b.steps[last].output
			o[len(o)-1] += strings.TrimPrefix(line, fold)
		default:
			b.steps[last].output = append(b.steps[last].output, line)
		}
		inCommand = (isCommand || inCommand) && strings.HasSuffix(line, `\`)
	}
	if b != nil {
		return nil, fmt.Errorf("line %d: the block has no end", b.line)
	}
	return blocks, nil
}

var terminalInfo = regexp.MustCompile(`^( terminal=([a-z]+))?$`)

func terminalOf(info string) (string, error) {
	m := terminalInfo.FindStringSubmatch(info)
	if m == nil {
		return "", fmt.Errorf("```console%s: only terminal=NAME is allowed", info)
	}
	return m[2], nil
}

const (
	// fold starts a line that continues the one above.
	fold = "  "
	// width is the maximum length of a line.
	width = 118
)

// folded breaks a long line of JSON between its members.
func folded(line string) []string {
	var lines []string
	for len(line) > width {
		at, object := -1, -1
		for i := 1; i < width; i++ {
			switch line[i-1 : i+1] {
			case `,"`:
				at = i
			case `,{`:
				at, object = i, i
			}
		}
		if object > width/2 {
			at = object
		}
		if at < 0 {
			break
		}
		lines = append(lines, line[:at])
		line = fold + line[at:]
	}
	return append(lines, line)
}

// render returns a block as it appears in the document.
func render(b block) []string {
	head := "```console"
	if b.terminal != "" {
		head += " terminal=" + b.terminal
	}
	lines := []string{head}
	for _, s := range b.steps {
		switch {
		case s.command != "":
			lines = append(lines, strings.Split("$ "+s.command, "\n")...)
		case s.interrupt:
			lines = append(lines, "^C")
		}
		for _, o := range s.output {
			lines = append(lines, folded(o)...)
		}
	}
	return append(lines, "```")
}
