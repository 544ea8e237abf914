package report

// Repeat measures a cell until it is quiet: measure is called again, at most repeats times, while other programs use
// more than quiet cores. If the last measurement is noisy too, the cell is marked. measure must set Foreign. A cell
// with an error is not measured again.
func Repeat(quiet float64, repeats int, measure func() (*Cell, error)) (*Cell, error) {
	for n := 0; ; n++ {
		c, err := measure()
		c.Repeats, c.Noisy = n, c.Foreign > quiet
		if err != nil || !c.Noisy || n == repeats {
			return c, err
		}
	}
}
