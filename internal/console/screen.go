package console

import (
	"io"
	"os"

	"golang.org/x/term"
)

// A Screen describes the destination of text. The zero value is no terminal: text for it is neither colored nor cut.
type Screen struct {
	Width int // in characters; 0: not limited
	Style Style
}

// NewScreen returns the screen of a writer.
func NewScreen(w io.Writer) Screen {
	width, _ := Size(w)
	return Screen{Width: width, Style: NewStyle(w)}
}

// The size of a terminal that does not report one.
const (
	defaultWidth  = 80
	defaultHeight = 24
)

// Size returns the width and the height of a terminal in characters. They are 0 if w is no terminal.
func Size(w io.Writer) (width, height int) {
	if !IsTerminal(w) {
		return 0, 0
	}
	width, height, err := term.GetSize(int(w.(*os.File).Fd()))
	if err != nil || width < 1 || height < 1 {
		return defaultWidth, defaultHeight
	}
	return width, height
}

// A Color is the parameter of an escape sequence that selects how text is shown.
type Color string

// The colors.
const (
	Plainly Color = ""
	Bold    Color = "1"
	Dim     Color = "2"
	Reverse Color = "7"
	Red     Color = "31"
	Green   Color = "32"
	Yellow  Color = "33"
	Cyan    Color = "36"
)

// A Style colors text. The zero value leaves it as it is.
type Style struct{ colored bool }

// NewStyle returns the style for a writer. It colors text on a terminal, unless NO_COLOR is set or TERM is dumb.
func NewStyle(w io.Writer) Style {
	return Style{colored: IsTerminal(w) && wantsColors()}
}

// wantsColors reports whether the user's terminal has colors: see no-color.org.
func wantsColors() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }

// Paint returns text in a color.
func (s Style) Paint(c Color, text string) string {
	if !s.colored || c == Plainly || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// ColorOf returns the color for a state of a lease or a node.
func ColorOf(state string) Color {
	switch state {
	case "held", "UP", "yes":
		return Green
	case "delayed":
		return Yellow
	case "breaking", "DOWN", "no":
		return Red
	case "free":
		return Dim
	}
	return Plainly
}
