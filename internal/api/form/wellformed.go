package form

import "bytes"

// wellFormed reports whether a text is one JSON value that does not nest too deep. What it accepts, json.Valid accepts too,
// but takes several times as long, and a large meta costs most for being read.
func wellFormed(text []byte) bool {
	s := scanner{text: text}
	s.space()
	ok := s.value(0)
	s.space()
	return ok && s.at == len(text)
}

// scanner checks JSON. Each of its methods reads one construct and reports whether it is valid.
type scanner struct {
	text []byte
	at   int
}

// next reports whether c is next, and skips it.
func (s *scanner) next(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) space() {
	for s.at < len(s.text) && isSpace(s.text[s.at]) {
		s.at++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func (s *scanner) value(depth int) bool {
	if s.at == len(s.text) || depth > MaxDepth+1 {
		return false
	}
	switch c := s.text[s.at]; c {
	case '"':
		return s.string()
	case '{':
		return s.elements('}', func() bool {
			if !s.string() {
				return false
			}
			s.space()
			if !s.next(':') {
				return false
			}
			s.space()
			return s.value(depth + 1)
		})
	case '[':
		return s.elements(']', func() bool { return s.value(depth + 1) })
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	return s.number()
}

// elements reads what is between brackets, with a comma between two elements.
func (s *scanner) elements(end byte, element func() bool) bool {
	s.at++
	s.space()
	if s.next(end) {
		return true
	}
	for {
		if !element() {
			return false
		}
		s.space()
		if s.next(end) {
			return true
		}
		if !s.next(',') {
			return false
		}
		s.space()
	}
}

func (s *scanner) literal(word string) bool {
	if !bytes.HasPrefix(s.text[s.at:], []byte(word)) {
		return false
	}
	s.at += len(word)
	return true
}

func (s *scanner) string() bool {
	if !s.next('"') {
		return false
	}
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return true
		case c == '\\':
			if !s.escape() {
				return false
			}
		case c < ' ':
			return false
		default:
			s.at++
		}
	}
	return false
}

func (s *scanner) escape() bool {
	s.at++
	if s.at == len(s.text) {
		return false
	}
	c := s.text[s.at]
	s.at++
	if c != 'u' {
		return bytes.IndexByte([]byte(`"\/bfnrt`), c) >= 0
	}
	for range 4 {
		if s.at == len(s.text) || !isHex(s.text[s.at]) {
			return false
		}
		s.at++
	}
	return true
}

func isHex(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (s *scanner) number() bool {
	s.next('-')
	if !s.next('0') && !s.digits() {
		return false
	}
	if s.next('.') && !s.digits() {
		return false
	}
	if s.next('e') || s.next('E') {
		if !s.next('+') {
			s.next('-')
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.text) && isDigit(s.text[s.at]) {
		s.at++
	}
	return s.at > from
}

// compact returns JSON that is well-formed without the space between its tokens.
func compact(text []byte) string {
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		end := bytes.IndexByte(text, '"')
		if end < 0 {
			end = len(text)
		}
		for _, c := range text[:end] {
			if !isSpace(c) {
				out = append(out, c)
			}
		}
		s := scanner{text: text[end:]}
		s.string()
		out = append(out, s.text[:s.at]...)
		text = s.text[s.at:]
	}
	return string(out)
}
