package leader

// deadlineHeap orders deadlines by the key that they were put in with. A raised
// deadline keeps its old key until it comes to the top, so that a renewal needs no
// heap operation.
type deadlineHeap []*deadline

func (h deadlineHeap) Len() int           { return len(h) }
func (h deadlineHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h deadlineHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = int32(i), int32(j)
}

func (h *deadlineHeap) Push(x any) {
	d := x.(*deadline)
	d.index = int32(len(*h))
	*h = append(*h, d)
}

func (h *deadlineHeap) Pop() any {
	old := *h
	d := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	d.index = marked
	return d
}
