package leader

import "testing"

func TestARoundIsConfirmedOnlyByWhatWasSentAfterItBegan(t *testing.T) {
	voters := []string{"a", "b", "c"}
	r := NewRounds()
	old := r.Sent() // a heartbeat leaves
	round := r.Begin()
	r.Answered("b", 7, old)
	r.Answered("c", 7, old)
	if r.Confirmed(7, round, voters, "a") {
		t.Fatal("answers to what was sent before the round confirmed it")
	}
	if !r.Answered("b", 7, r.Sent()) || r.Answered("b", 7, r.Sent()) {
		t.Error("an answer counts once")
	}
	if !r.Confirmed(7, round, voters, "a") {
		t.Error("a majority of three, self among it, did not confirm")
	}
}

func TestARoundCountsVotersOfItsOwnTerm(t *testing.T) {
	for name, c := range map[string]struct {
		voters []string
		acks   map[string]uint64 // peer to term
		want   bool
	}{
		"alone":                      {[]string{"a"}, nil, true},
		"self is no voter":           {[]string{"b"}, nil, false},
		"of two, one":                {[]string{"a", "b"}, nil, false},
		"of two, both":               {[]string{"a", "b"}, map[string]uint64{"b": 7}, true},
		"another term":               {[]string{"a", "b", "c"}, map[string]uint64{"b": 6}, false},
		"a non-voter":                {[]string{"a", "b", "c"}, map[string]uint64{"x": 7, "y": 7}, false},
		"of five, three":             {[]string{"a", "b", "c", "d", "e"}, map[string]uint64{"b": 7, "c": 7}, true},
		"of five, two":               {[]string{"a", "b", "c", "d", "e"}, map[string]uint64{"b": 7}, false},
		"self removed, the rest not": {[]string{"b", "c", "d"}, map[string]uint64{"b": 7}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewRounds()
			round := r.Begin()
			for peer, term := range c.acks {
				r.Answered(peer, term, r.Sent())
			}
			if got := r.Confirmed(7, round, c.voters, "a"); got != c.want {
				t.Errorf("confirmed: %v", got)
			}
		})
	}
}

func TestAnOlderAnswerNeverReplacesANewerOne(t *testing.T) {
	r := NewRounds()
	first := r.Begin()
	second := r.Begin()
	r.Answered("b", 7, second)
	r.Answered("b", 7, first)
	r.Answered("b", 6, second+9)
	if !r.Confirmed(7, second, []string{"a", "b"}, "a") {
		t.Error("an older answer replaced a newer one")
	}
}
